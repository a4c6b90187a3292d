/** Who may do what: the one place where permissions meet roles. */

export const TENANT_ROLES = ['admin', 'developer', 'publisher', 'viewer', 'auditor'] as const

export type TenantRole = (typeof TENANT_ROLES)[number]
export type Role = TenantRole | 'operator'

const READ: readonly TenantRole[] = ['admin', 'developer', 'viewer']
const BUILD: readonly TenantRole[] = ['admin', 'developer']
const SELF: readonly TenantRole[] = ['admin', 'developer', 'auditor']
const ADMIN: readonly TenantRole[] = ['admin']
const OPERATOR_ONLY: readonly TenantRole[] = []

/** The tenant roles that hold each permission; operators hold them all. */
export const PERMISSIONS = {
  'tenant.list': OPERATOR_ONLY,
  'tenant.create': OPERATOR_ONLY,
  'tenant.get': READ,
  'tenant.update': OPERATOR_ONLY,
  'tenant.delete': OPERATOR_ONLY,
  'usage.read': READ,
  'key.list': ADMIN,
  'key.get': ADMIN,
  'key.create': ADMIN,
  'key.update': ADMIN,
  'key.rotate': ADMIN,
  'key.revoke': ADMIN,
  'key.totp.read': SELF,
  'key.totp.enrol': SELF,
  'key.totp.remove': SELF,
  'step_up.read': READ,
  'step_up.update': ADMIN,
  'operator_key.list': OPERATOR_ONLY,
  'operator_key.get': OPERATOR_ONLY,
  'operator_key.create': OPERATOR_ONLY,
  'operator_key.update': OPERATOR_ONLY,
  'operator_key.rotate': OPERATOR_ONLY,
  'operator_key.revoke': OPERATOR_ONLY,
  'operator_key.totp.read': OPERATOR_ONLY,
  'operator_key.totp.enrol': OPERATOR_ONLY,
  'operator_key.totp.remove': OPERATOR_ONLY,
  'metrics.read': OPERATOR_ONLY,
  'master_key.read': OPERATOR_ONLY,
  'master_key.rotate': OPERATOR_ONLY,
  'audit_log.read': ['admin', 'auditor'],
  'audit_log.export': ['admin', 'auditor'],
  'operator_audit_log.read': OPERATOR_ONLY,
  'operator_audit_log.export': OPERATOR_ONLY,
  'event_type.read': READ,
  'event_type.write': BUILD,
  'endpoint.read': READ,
  'endpoint.write': BUILD,
  'endpoint.secret.reveal': BUILD,
  'endpoint.secret.rotate': BUILD,
  'source.read': READ,
  'source.write': BUILD,
  'source.secret.rotate': BUILD,
  'message.publish': ['admin', 'developer', 'publisher'],
  'message.read': READ,
  'message.replay': BUILD,
  'payload.reveal': ADMIN,
  'redaction.read': READ,
  'redaction.write': ADMIN,
  'delivery.read': READ,
  'delivery.control': BUILD,
  'dead_letter.read': READ,
  'dead_letter.redrive': BUILD,
  'dead_letter.delete': BUILD,
  'data.export': ADMIN,
  'data.erase': ADMIN,
  'erasure.read': ADMIN,
  'internal_dead_letter.read': OPERATOR_ONLY,
  'internal_dead_letter.redrive': OPERATOR_ONLY,
  'internal_dead_letter.delete': OPERATOR_ONLY,
} as const satisfies Record<string, readonly TenantRole[]>

export type Permission = keyof typeof PERMISSIONS

/** Whose routes ask for a one-time code, always or on a condition: no route compiles that does not say which. */
export const SENSITIVE = [
  'tenant.update',
  'tenant.delete',
  'key.create',
  'key.update',
  'key.rotate',
  'key.revoke',
  'key.totp.remove',
  'step_up.update',
  'operator_key.create',
  'operator_key.update',
  'operator_key.rotate',
  'operator_key.revoke',
  'operator_key.totp.remove',
  'master_key.rotate',
  'endpoint.secret.reveal',
  'endpoint.secret.rotate',
  'source.secret.rotate',
  'dead_letter.redrive',
  'data.export',
  'data.erase',
  'audit_log.export',
  'operator_audit_log.export',
] as const satisfies readonly Permission[]

export type SensitivePermission = (typeof SENSITIVE)[number]

/** What a key is measured by: a role and, where it has some, scopes that leave less of it. */
export interface Grant {
  role: Role
  /** Null for all that the role holds. */
  scopes: readonly Permission[] | null
}

/** Both must say so: a scope that the role does not hold, or holds no more, is worth nothing. */
export function isPermitted({ role, scopes }: Grant, permission: Permission): boolean {
  const is_of_role = role === 'operator' || (PERMISSIONS[permission] as readonly Role[]).includes(role)
  return is_of_role && (scopes === null || scopes.includes(permission))
}

/** Everything that a grant permits. */
export function permissionsOf(grant: Grant): Permission[] {
  return (Object.keys(PERMISSIONS) as Permission[]).filter((permission) => isPermitted(grant, permission))
}

/** Whether a grant permits anything that asks for a one-time code. */
export function isSensitive(grant: Grant): boolean {
  return SENSITIVE.some((permission) => isPermitted(grant, permission))
}
