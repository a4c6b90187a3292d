import { and, eq, gte, lt, lte, type SQL, sql } from 'drizzle-orm'
import { audited } from '../audit/audited.ts'
import { OPERATOR_CHAIN } from '../audit/entry.ts'
import type { Deps } from '../deps.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { isExhausted } from './list-dead-letters.ts'
import { deadLetters } from './table.ts'

export const NO_DEAD_LETTER = problem('not_found', 'there is no such dead letter')

/** Forgets that a delivery died; the delivery itself stays `dead` in its Endpoint until retention ends. */
export function deleteExhausted(deps: Deps, tenant_id: string, id: string): Promise<Result<void, Problem>> {
  const decisive = deps.db.delete(deadLetters).where(and(isExhausted(tenant_id), eq(deadLetters.id, id)))
  return audited(deps, tenant_id, async (trail) => {
    const is_deleted = await trail.commit({ action: 'dead_letter.delete', target: id }, { decisive })
    return is_deleted ? ok(undefined) : err(NO_DEAD_LETTER)
  })
}

export function deleteInternal(deps: Deps, id: string): Promise<Result<void, Problem>> {
  const decisive = deps.db.delete(deadLetters).where(isInternal(id))
  return audited(deps, OPERATOR_CHAIN, async (trail) => {
    const is_deleted = await trail.commit({ action: 'internal_dead_letter.delete', target: id }, { decisive })
    return is_deleted ? ok(undefined) : err(NO_DEAD_LETTER)
  })
}

export function isInternal(id: string): SQL | undefined {
  return and(eq(deadLetters.cause, 'internal'), eq(deadLetters.id, id))
}

/**
 * Forgets deaths of deliveries that were started again.
 * @param died_until one that has died once more since then is a new death, and stays
 */
export async function deleteRestarted(
  { db }: Deps,
  tenant_id: string,
  ids: readonly string[],
  died_until: number,
): Promise<void> {
  if (ids.length === 0) return
  // One bound parameter however many ids: D1 accepts at most 100.
  const isNamed = sql`${deadLetters.id} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`
  await db.delete(deadLetters).where(and(isExhausted(tenant_id), isNamed, lte(deadLetters.died_at, died_until)))
}

/** The same for all of an endpoint's messages that were accepted in a span of time. */
export async function deleteReplayed(
  { db }: Deps,
  tenant_id: string,
  endpoint_id: string,
  { since, until, died_until }: { since: number; until: number; died_until: number },
): Promise<void> {
  await db
    .delete(deadLetters)
    .where(
      and(
        isExhausted(tenant_id),
        eq(deadLetters.endpoint_id, endpoint_id),
        gte(deadLetters.accepted_at, since),
        lt(deadLetters.accepted_at, until),
        lte(deadLetters.died_at, died_until),
      ),
    )
}
