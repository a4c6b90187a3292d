import { and, getTableColumns, isNull, type SQL, sql } from 'drizzle-orm'
import { audited, type Statement } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import type { Principal, Tenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { insertWithin } from '../tenants/insert-within.ts'
import { toAuditedKey } from './contract.ts'
import { chainOf } from './find-key.ts'
import { checkReach, checkScopes } from './grants.ts'
import { keysMax, takesPlace } from './key-limits.ts'
import { makeKey, type NewKey } from './make-key.ts'
import { apiKeys, type KeyRow } from './table.ts'

/**
 * Makes a key, unless there are as many as there may be.
 * @param tenant null for an operator's key
 * @param actor who asks for it
 */
export async function createKey(
  deps: Deps,
  tenant: Tenant | null,
  wanted: NewKey,
  actor: Principal,
): Promise<Result<{ row: KeyRow; key: string }, Problem>> {
  const { role, scopes = null, expires_at } = wanted
  const now = deps.now()
  if (expires_at !== undefined && expires_at <= now) {
    const message = 'must be in the future'
    return err(problem('invalid_request', `expires_at: ${message}`, { errors: [{ path: 'expires_at', message }] }))
  }
  const checked = [checkScopes(role, scopes), checkReach(actor, { role, scopes })].find(({ ok }) => !ok)
  if (checked?.ok === false) return checked
  const { row, key } = await makeKey(tenant?.id ?? null, wanted, now, deps.random)
  const limit = keysMax(tenant)
  const decisive =
    tenant === null
      ? insertOperatorKey(deps, row, limit, now)
      : insertWithin(deps, apiKeys, row, limit, takesPlace(now))
  return audited(deps, chainOf(row.tenant_id), async (trail) => {
    const entry = { action: 'key.create', target: row.id, after: toAuditedKey(row) } as const
    const is_inserted = await trail.commit(entry, { decisive })
    return is_inserted ? ok({ row, key }) : err(problem('limit_reached', `there may be ${limit} API keys`))
  })
}

function insertOperatorKey({ db }: Deps, row: KeyRow, limit: number, now: number): Statement {
  const counted = and(isNull(apiKeys.tenant_id), takesPlace(now))
  return insertWhere(db, row, sql`(SELECT COUNT(*) FROM ${apiKeys} WHERE ${counted}) < ${limit}`)
}

/** The statement that inserts a key while a condition holds. */
export function insertWhere(db: Deps['db'], row: KeyRow, condition: SQL) {
  const values = Object.entries(getTableColumns(apiKeys)).map(([name, column]) =>
    sql.param(row[name as keyof KeyRow], column),
  )
  return db.insert(apiKeys).select(sql`SELECT ${sql.join(values, sql`, `)} WHERE ${condition}`)
}
