import { isNull } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import type { Tenant } from '../http/access.ts'
import type { TenantRole } from '../http/permissions.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { insertWithin } from '../tenants/insert-within.ts'
import { resolveLimits } from '../tenants/limits.ts'
import { makeKey, type NewKey } from './make-key.ts'
import { apiKeys, type KeyRow } from './table.ts'

/** Makes a key for a tenant, unless it has as many as it may. */
export async function createKey(
  deps: Deps,
  tenant: Tenant,
  wanted: NewKey & { role: TenantRole },
): Promise<Result<{ row: KeyRow; key: string }, Problem>> {
  const now = deps.now()
  if (wanted.expires_at !== undefined && wanted.expires_at <= now) {
    const message = 'must be in the future'
    return err(problem('invalid_request', `expires_at: ${message}`, { errors: [{ path: 'expires_at', message }] }))
  }
  const { row, key } = await makeKey(tenant.id, wanted, now, deps.random)
  const limit = resolveLimits(tenant.limits).keys
  const is_inserted = await insertWithin(deps, apiKeys, row, limit, isNull(apiKeys.revoked_at))
  return is_inserted ? ok({ row, key }) : err(problem('limit_reached', `a tenant may have ${limit} API keys`))
}
