/**
 * The tenant that Postern keeps for itself. No slug that an operator may choose has this character (tenants/contract.ts),
 * and no route finds a tenant whose id begins with it (http/access.ts).
 */
const MARK = '~'

/** Whose messages the canary publishes (health/canary.ts). */
export const CANARY_TENANT = `${MARK}canary`

/** Whether this id is not one that anybody can have been given. */
export function isReservedTenant(tenant_id: string): boolean {
  return tenant_id.startsWith(MARK)
}
