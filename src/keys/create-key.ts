import { sql } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import type { Tenant } from '../http/access.ts'
import type { TenantRole } from '../http/permissions.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { resolveLimits } from '../tenants/limits.ts'
import { makeKey, type NewKey } from './make-key.ts'
import type { KeyRow } from './table.ts'

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
  // Counted and inserted as one statement, so that two at once cannot both take the last place.
  const { meta } = await deps.db.run(sql`
    INSERT INTO api_keys (id, tenant_id, role, name, hash, hint, created_at, expires_at)
    SELECT ${row.id}, ${row.tenant_id}, ${row.role}, ${row.name}, ${row.hash}, ${row.hint}, ${row.created_at}, ${row.expires_at}
    WHERE (SELECT COUNT(*) FROM api_keys WHERE tenant_id = ${tenant.id} AND revoked_at IS NULL) < ${limit}`)
  return meta.changes === 0 ? err(problem('limit_reached', `a tenant may have ${limit} API keys`)) : ok({ row, key })
}
