/** How many keys there may be: those that can still be used. */
import { and, gt, isNull, or, type SQL } from 'drizzle-orm'
import type { Tenant } from '../http/access.ts'
import { resolveLimits } from '../tenants/limits.ts'
import { apiKeys } from './table.ts'

/** Operators have no tenant to set a limit for them. */
const OPERATOR_KEYS_MAX = 100

export function keysMax(tenant: Tenant | null): number {
  return tenant === null ? OPERATOR_KEYS_MAX : resolveLimits(tenant.limits).keys
}

export function isUsable(now: number): SQL | undefined {
  return and(isNull(apiKeys.revoked_at), or(isNull(apiKeys.expires_at), gt(apiKeys.expires_at, now)))
}

/** One that has been replaced gave its place to its successor: who has all that are allowed can still rotate. */
export function takesPlace(now: number): SQL | undefined {
  return and(isUsable(now), isNull(apiKeys.replaced_by))
}
