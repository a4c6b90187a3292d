import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { Trail } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import type { Tenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { checkAlive } from './alive.ts'
import { modeOf } from './api-key.ts'
import { type Actor, changeKey } from './change-key.ts'
import { toAuditedKey } from './contract.ts'
import { insertWhere } from './create-key.ts'
import { isUnchanged, ownedBy } from './find-key.ts'
import { checkReach } from './grants.ts'
import { isUsable, keysMax } from './key-limits.ts'
import { makeKey } from './make-key.ts'
import { apiKeys, type KeyRow } from './table.ts'

/** When an answer is lost, the new key is lost with it: this long somebody should have to notice. */
const SAFE_OVERLAP_S = 60

/** Those that were replaced and still work take nobody's place; there may be as many again of them. */
const WITH_REPLACED = 2

interface Rotated {
  row: KeyRow
  key: string
}

/**
 * Makes a key like another one, which works on until the overlap ends, and not beyond its own expiry.
 * @param tenant null for an operator's key
 */
export async function rotateKey(
  deps: Deps,
  tenant: Tenant | null,
  key_id: string,
  overlap_s: number,
  actor: Actor,
): Promise<Result<Rotated, Problem>> {
  return changeKey(deps, tenant?.id ?? null, key_id, actor, (old, now) => {
    const refused = [checkAlive(old, now), checkUnreplaced(old), checkReach(actor, old)].find(({ ok }) => !ok)
    if (refused?.ok === false) return refused
    const ends_at = Math.min(old.expires_at ?? Number.POSITIVE_INFINITY, now + overlap_s * 1000)
    return ok({
      is_ending: overlap_s < SAFE_OVERLAP_S,
      write: async (trail, guard) => {
        const { tenant_id, role, name, hint, scopes, ip_allowlist, expires_at } = old
        const like = { role, name, mode: modeOf(hint), scopes, ip_allowlist, expires_at: expires_at ?? undefined }
        const made = await makeKey(tenant_id, like, now, deps.random)
        return replace(deps, trail, old, made, { ends_at, now, guard, limit: WITH_REPLACED * keysMax(tenant) })
      },
    })
  })
}

/** Both or neither: the new key is there, and the old one has an end. */
async function replace(
  { db }: Deps,
  trail: Trail,
  old: KeyRow,
  made: Rotated,
  { ends_at, now, guard, limit }: { ends_at: number; now: number; guard: SQL; limit: number },
): Promise<Result<Rotated, Problem> | undefined> {
  const counted = sql`(SELECT COUNT(*) FROM ${apiKeys} WHERE ${and(ownedBy(old.tenant_id), isUsable(now))})`
  const is_still_so = sql`EXISTS (SELECT 1 FROM ${apiKeys} WHERE ${isUnchanged(old)})`
  const is_made = sql`EXISTS (SELECT 1 FROM ${apiKeys} AS made WHERE made.id = ${made.row.id})`
  const entry = { action: 'key.rotate', target: old.id, after: toAuditedKey(made.row) } as const
  const is_inserted = await trail.commit(entry, {
    decisive: insertWhere(db, made.row, sql`${is_still_so} AND ${guard} AND ${counted} < ${limit}`),
    rest: [
      db
        .update(apiKeys)
        .set({ expires_at: ends_at, replaced_by: made.row.id })
        .where(and(eq(apiKeys.id, old.id), is_made)),
    ],
  })
  if (is_inserted) return ok(made)
  const usable = await db.get<{ count: number }>(sql`SELECT ${counted} AS count`)
  const is_full = (usable?.count ?? 0) >= limit
  return is_full ? err(problem('limit_reached', 'too many replaced keys still work: revoke some, or wait')) : undefined
}

function checkUnreplaced({ replaced_by }: KeyRow): Result<void, Problem> {
  if (replaced_by === null) return ok(undefined)
  return err(problem('wrong_state', `the key was rotated already: rotate ${replaced_by}, which replaced it`))
}
