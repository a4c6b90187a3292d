/** Who may do what: the one place where permissions meet roles. */

export const TENANT_ROLES = ['admin', 'developer', 'publisher', 'viewer', 'auditor'] as const

export type TenantRole = (typeof TENANT_ROLES)[number]
export type Role = TenantRole | 'operator'

const READ: readonly TenantRole[] = ['admin', 'developer', 'viewer']
const BUILD: readonly TenantRole[] = ['admin', 'developer']
const ADMIN: readonly TenantRole[] = ['admin']
const OPERATOR_ONLY: readonly TenantRole[] = []

/** The tenant roles that hold each permission; operators hold them all. */
export const PERMISSIONS = {
  'tenant.list': OPERATOR_ONLY,
  'tenant.create': OPERATOR_ONLY,
  'tenant.get': READ,
  'tenant.update': OPERATOR_ONLY,
  'tenant.delete': OPERATOR_ONLY,
  'key.list': ADMIN,
  'key.create': ADMIN,
  'key.revoke': ADMIN,
  'event_type.read': READ,
  'event_type.write': BUILD,
  'endpoint.read': READ,
  'endpoint.write': BUILD,
  'endpoint.secret.reveal': BUILD,
  'endpoint.secret.rotate': BUILD,
  'message.publish': ['admin', 'developer', 'publisher'],
  'message.read': READ,
  'message.replay': BUILD,
  'delivery.read': READ,
  'delivery.control': BUILD,
  'dead_letter.read': READ,
  'dead_letter.redrive': BUILD,
  'dead_letter.delete': BUILD,
  'internal_dead_letter.read': OPERATOR_ONLY,
  'internal_dead_letter.redrive': OPERATOR_ONLY,
  'internal_dead_letter.delete': OPERATOR_ONLY,
} as const satisfies Record<string, readonly TenantRole[]>

export type Permission = keyof typeof PERMISSIONS

export function isPermitted(role: Role, permission: Permission): boolean {
  return role === 'operator' || (PERMISSIONS[permission] as readonly Role[]).includes(role)
}
