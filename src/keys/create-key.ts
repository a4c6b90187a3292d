import { sql } from 'drizzle-orm'
import type { Tenant } from '../http/access.ts'
import type { Deps } from '../http/context.ts'
import type { TenantRole } from '../http/permissions.ts'
import { type Problem, problem } from '../http/problems.ts'
import { sha256Hex } from '../lib/hash.ts'
import { createId } from '../lib/ids.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { resolveLimits } from '../tenants/limits.ts'
import { createApiKey, hintOf, type KeyMode } from './api-key.ts'
import type { KeyRow } from './list-keys.ts'

export interface NewKey {
  name: string
  role: TenantRole
  mode: KeyMode
  expires_at?: number | undefined
}

/** Makes a key for a tenant. Only its hash is kept: the answer is the one place where the key is. */
export async function createKey(
  deps: Deps,
  tenant: Tenant,
  wanted: NewKey,
): Promise<Result<{ row: KeyRow; key: string }, Problem>> {
  const now = deps.now()
  if (wanted.expires_at !== undefined && wanted.expires_at <= now) {
    return err(problem('invalid_request', 'expires_at: must be in the future'))
  }
  const key = await createApiKey(wanted.mode, deps.random)
  const row: KeyRow = {
    id: createId('key', now, deps.random),
    tenant_id: tenant.id,
    role: wanted.role,
    name: wanted.name,
    hash: await sha256Hex(key),
    hint: hintOf(key),
    created_at: now,
    expires_at: wanted.expires_at ?? null,
    revoked_at: null,
  }
  const limit = resolveLimits(tenant.limits).keys
  // Counted and inserted as one statement, so that two at once cannot both take the last place.
  const { meta } = await deps.db.run(sql`
    INSERT INTO api_keys (id, tenant_id, role, name, hash, hint, created_at, expires_at)
    SELECT ${row.id}, ${row.tenant_id}, ${row.role}, ${row.name}, ${row.hash}, ${row.hint}, ${row.created_at}, ${row.expires_at}
    WHERE (SELECT COUNT(*) FROM api_keys WHERE tenant_id = ${tenant.id} AND revoked_at IS NULL) < ${limit}`)
  return meta.changes === 0 ? err(problem('limit_reached', `a tenant may have ${limit} API keys`)) : ok({ row, key })
}
