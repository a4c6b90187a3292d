/**
 * Who may do what, once more and by hand: the table that the authorisation tests and the fuzzer hold
 * Postern to. It is not derived from `src/http/permissions.ts`, so that a change of who may do what has to
 * be made twice, by somebody who means it; and a route or a permission without a row here fails.
 */

export const ROLES = ['admin', 'developer', 'publisher', 'viewer', 'auditor'] as const

export type TenantRole = (typeof ROLES)[number]

export interface Row {
  permission: string
  /** Operators hold every permission. */
  tenant_roles: readonly TenantRole[]
  /** Method and path, `/v1/tenants/{tenant}` written as `T`. */
  routes: readonly string[]
  /** Members of the queries of other routes that need it beside the permission of the route. */
  members?: readonly string[]
}

const ROWS: readonly Row[] = [
  { permission: 'tenant.list', tenant_roles: [], routes: ['GET /v1/tenants'] },
  { permission: 'tenant.create', tenant_roles: [], routes: ['POST /v1/tenants'] },
  { permission: 'tenant.get', tenant_roles: ['admin', 'developer', 'viewer'], routes: ['GET T'] },
  { permission: 'tenant.update', tenant_roles: [], routes: ['PATCH T'] },
  { permission: 'tenant.delete', tenant_roles: [], routes: ['DELETE T'] },

  { permission: 'usage.read', tenant_roles: ['admin', 'developer', 'viewer'], routes: ['GET T/usage'] },

  { permission: 'key.list', tenant_roles: ['admin'], routes: ['GET T/keys'] },
  { permission: 'key.get', tenant_roles: ['admin'], routes: ['GET T/keys/{key}'] },
  { permission: 'key.create', tenant_roles: ['admin'], routes: ['POST T/keys'] },
  { permission: 'key.update', tenant_roles: ['admin'], routes: ['PATCH T/keys/{key}'] },
  { permission: 'key.rotate', tenant_roles: ['admin'], routes: ['POST T/keys/{key}/rotate'] },
  { permission: 'key.revoke', tenant_roles: ['admin'], routes: ['DELETE T/keys/{key}'] },
  // Of itself alone, unless it may get other keys.
  {
    permission: 'key.totp.read',
    tenant_roles: ['admin', 'developer', 'auditor'],
    routes: ['GET T/keys/{key}/totp'],
  },
  {
    permission: 'key.totp.enrol',
    tenant_roles: ['admin', 'developer', 'auditor'],
    routes: ['POST T/keys/{key}/totp', 'POST T/keys/{key}/totp/confirm'],
  },
  {
    permission: 'key.totp.remove',
    tenant_roles: ['admin', 'developer', 'auditor'],
    routes: ['DELETE T/keys/{key}/totp'],
  },
  { permission: 'step_up.read', tenant_roles: ['admin', 'developer', 'viewer'], routes: ['GET T/step-up'] },
  { permission: 'step_up.update', tenant_roles: ['admin'], routes: ['PATCH T/step-up'] },

  { permission: 'operator_key.list', tenant_roles: [], routes: ['GET /v1/keys'] },
  { permission: 'operator_key.get', tenant_roles: [], routes: ['GET /v1/keys/{key}'] },
  { permission: 'operator_key.create', tenant_roles: [], routes: ['POST /v1/keys'] },
  { permission: 'operator_key.update', tenant_roles: [], routes: ['PATCH /v1/keys/{key}'] },
  { permission: 'operator_key.rotate', tenant_roles: [], routes: ['POST /v1/keys/{key}/rotate'] },
  { permission: 'operator_key.revoke', tenant_roles: [], routes: ['DELETE /v1/keys/{key}'] },
  { permission: 'operator_key.totp.read', tenant_roles: [], routes: ['GET /v1/keys/{key}/totp'] },
  {
    permission: 'operator_key.totp.enrol',
    tenant_roles: [],
    routes: ['POST /v1/keys/{key}/totp', 'POST /v1/keys/{key}/totp/confirm'],
  },
  { permission: 'operator_key.totp.remove', tenant_roles: [], routes: ['DELETE /v1/keys/{key}/totp'] },

  { permission: 'metrics.read', tenant_roles: [], routes: ['GET /metrics'] },
  { permission: 'master_key.read', tenant_roles: [], routes: ['GET /v1/master-keys'] },
  { permission: 'master_key.rotate', tenant_roles: [], routes: ['POST /v1/master-keys/rotation'] },

  {
    permission: 'event_type.read',
    tenant_roles: ['admin', 'developer', 'viewer'],
    routes: ['GET T/event-types', 'GET T/event-types/{name}', 'GET T/event-types/{name}/schemas/{version}'],
  },
  {
    permission: 'event_type.write',
    tenant_roles: ['admin', 'developer'],
    routes: [
      'POST T/event-types',
      'PATCH T/event-types/{name}',
      'DELETE T/event-types/{name}',
      'DELETE T/event-types/{name}/schemas/{version}',
    ],
  },

  {
    permission: 'endpoint.read',
    tenant_roles: ['admin', 'developer', 'viewer'],
    routes: ['GET T/endpoints', 'GET T/endpoints/{endpoint}', 'GET T/endpoints/{endpoint}/breaker'],
  },
  {
    permission: 'endpoint.write',
    tenant_roles: ['admin', 'developer'],
    routes: [
      'POST T/endpoints',
      'PATCH T/endpoints/{endpoint}',
      'DELETE T/endpoints/{endpoint}',
      'POST T/endpoints/{endpoint}/enable',
      'POST T/endpoints/{endpoint}/disable',
      'POST T/endpoints/{endpoint}/test',
      'POST T/endpoints/{endpoint}/breaker/reset',
    ],
  },
  {
    permission: 'endpoint.secret.reveal',
    tenant_roles: ['admin', 'developer'],
    routes: ['GET T/endpoints/{endpoint}/secret'],
  },
  {
    permission: 'endpoint.secret.rotate',
    tenant_roles: ['admin', 'developer'],
    routes: ['POST T/endpoints/{endpoint}/secret/rotate'],
  },

  {
    permission: 'source.read',
    tenant_roles: ['admin', 'developer', 'viewer'],
    routes: ['GET T/sources', 'GET T/sources/{source}', 'GET T/sources/{source}/failures'],
  },
  {
    permission: 'source.write',
    tenant_roles: ['admin', 'developer'],
    routes: ['POST T/sources', 'PATCH T/sources/{source}', 'DELETE T/sources/{source}'],
  },
  {
    permission: 'source.secret.rotate',
    tenant_roles: ['admin', 'developer'],
    routes: ['POST T/sources/{source}/secret/rotate'],
  },

  {
    permission: 'message.publish',
    tenant_roles: ['admin', 'developer', 'publisher'],
    routes: ['POST T/messages', 'POST T/messages/batch'],
  },
  {
    permission: 'message.read',
    tenant_roles: ['admin', 'developer', 'viewer'],
    routes: ['GET T/messages', 'GET T/messages/{message}', 'GET T/messages/{message}/deliveries'],
  },
  {
    permission: 'message.replay',
    tenant_roles: ['admin', 'developer'],
    routes: ['POST T/messages/{message}/replay', 'POST T/endpoints/{endpoint}/replay'],
  },
  {
    permission: 'payload.reveal',
    tenant_roles: ['admin'],
    routes: [],
    members: [
      'GET T/messages/{message}?reveal',
      'GET T/deliveries/{delivery}?reveal',
      'GET T/deliveries/{delivery}/attempts?reveal',
      'GET /v1/dead-letters?reveal',
    ],
  },
  { permission: 'redaction.read', tenant_roles: ['admin', 'developer', 'viewer'], routes: ['GET T/redaction'] },
  { permission: 'redaction.write', tenant_roles: ['admin'], routes: ['PUT T/redaction'] },
  {
    permission: 'delivery.read',
    tenant_roles: ['admin', 'developer', 'viewer'],
    routes: ['GET T/deliveries', 'GET T/deliveries/{delivery}', 'GET T/deliveries/{delivery}/attempts'],
  },
  {
    permission: 'delivery.control',
    tenant_roles: ['admin', 'developer'],
    routes: ['POST T/deliveries/{delivery}/retry', 'POST T/deliveries/{delivery}/cancel'],
  },
  {
    permission: 'dead_letter.read',
    tenant_roles: ['admin', 'developer', 'viewer'],
    routes: ['GET T/dead-letters'],
  },
  {
    permission: 'dead_letter.redrive',
    tenant_roles: ['admin', 'developer'],
    routes: ['POST T/dead-letters/redrive'],
  },
  { permission: 'dead_letter.delete', tenant_roles: ['admin', 'developer'], routes: ['DELETE T/dead-letters/{id}'] },
  { permission: 'data.export', tenant_roles: ['admin'], routes: ['POST T/exports'] },
  { permission: 'data.erase', tenant_roles: ['admin'], routes: ['POST T/erasures'] },
  { permission: 'erasure.read', tenant_roles: ['admin'], routes: ['GET T/erasures', 'GET T/erasures/{erasure}'] },
  {
    permission: 'audit_log.read',
    tenant_roles: ['admin', 'auditor'],
    routes: ['GET T/audit-log', 'GET T/audit-log/verify', 'POST T/audit-log/verify', 'GET T/audit-log/checkpoints'],
  },
  { permission: 'audit_log.export', tenant_roles: ['admin', 'auditor'], routes: ['GET T/audit-log/export'] },
  {
    permission: 'operator_audit_log.read',
    tenant_roles: [],
    routes: [
      'GET /v1/audit-log',
      'GET /v1/audit-log/verify',
      'POST /v1/audit-log/verify',
      'GET /v1/audit-log/checkpoints',
    ],
  },
  { permission: 'operator_audit_log.export', tenant_roles: [], routes: ['GET /v1/audit-log/export'] },
  { permission: 'internal_dead_letter.read', tenant_roles: [], routes: ['GET /v1/dead-letters'] },
  { permission: 'internal_dead_letter.redrive', tenant_roles: [], routes: ['POST /v1/dead-letters/{id}/redrive'] },
  { permission: 'internal_dead_letter.delete', tenant_roles: [], routes: ['DELETE /v1/dead-letters/{id}'] },
]

/** Routes that need no key at all. */
export const PUBLIC_ROUTES: readonly string[] = [
  'GET /healthz',
  'GET /readyz',
  // The canary is known by its signature.
  'POST /canary/echo',
  // Who calls is known by the provider's signature.
  'GET /in/{source}',
  'POST /in/{source}',
]

/** By permission. */
export const EXPECTED: ReadonlyMap<string, Row> = new Map(ROWS.map((row) => [row.permission, row]))

/** The permission that each route is expected to need. */
export const PERMISSION_OF: ReadonlyMap<string, string> = new Map(
  ROWS.flatMap(({ permission, routes }) => routes.map((route) => [inFull(route), permission] as const)),
)

/** The permission that each member of a query is expected to need. */
export const PERMISSION_OF_MEMBER: ReadonlyMap<string, string> = new Map(
  ROWS.flatMap(({ permission, members = [] }) => members.map((member) => [inFull(member), permission] as const)),
)

function inFull(route: string): string {
  return route.replace(/ T(?=\/|$)/, ' /v1/tenants/{tenant}')
}

/** Whether a key of this role, with all that the role holds, is expected to be let through. */
export function mayUse(role: TenantRole | 'operator', permission: string): boolean {
  const row = EXPECTED.get(permission)
  if (row === undefined) throw new Error(`${permission} has no row in test/security/expected-access.ts`)
  return role === 'operator' || row.tenant_roles.includes(role)
}
