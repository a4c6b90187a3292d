import { and, asc, eq, gt } from 'drizzle-orm'
import type { ErasedCounts } from '../../durable-objects/endpoint/rpc.ts'
import { formatDeliveryId } from '../deliveries/delivery-id.ts'
import type { Reachable } from '../endpoints/call-lanes.ts'
import { everyLane, objectName } from '../endpoints/lanes.ts'
import { callEndpoint } from '../endpoints/stub.ts'
import { endpoints } from '../endpoints/table.ts'
import { report } from '../report.ts'
import type { Progress } from './table.ts'
import { save, type Turn } from './turn.ts'

const ENDPOINTS_PER_PAGE = 50

/** What is known of the endpoints so far. */
type Outcome = Pick<Progress, 'counts' | 'is_clean'>

/** Tells every lane of every endpoint. One that does not answer keeps no other from being told. */
export async function eraseInEndpoints(turn: Turn): Promise<boolean> {
  const { deps, run } = turn
  for (;;) {
    const { tenant_id, progress } = turn.erasure
    if (!run.take(2)) return false
    const page = await deps.db
      .select({ endpoint_id: endpoints.id, layout: endpoints.layout })
      .from(endpoints)
      .where(and(eq(endpoints.tenant_id, tenant_id), gt(endpoints.id, progress.after)))
      .orderBy(asc(endpoints.id))
      .limit(ENDPOINTS_PER_PAGE)
    let reached: Outcome & Pick<Progress, 'after'> = progress
    for (const endpoint of page) {
      // What was not finished is asked again from its first lane, so it counts only as a whole.
      const outcome = await eraseInEndpoint(turn, endpoint, reached)
      if (outcome === null) break
      reached = { ...outcome, after: endpoint.endpoint_id }
    }
    const { after, counts, is_clean } = reached
    await save(turn, { after, counts, is_clean })
    if (after !== (page.at(-1)?.endpoint_id ?? progress.after)) return false
    if (page.length < ENDPOINTS_PER_PAGE) return true
  }
}

/** Null when the run has no room for all of it. */
async function eraseInEndpoint(turn: Turn, endpoint: Reachable, before: Outcome): Promise<Outcome | null> {
  let outcome: Outcome | null = before
  for (const lane of everyLane(endpoint.layout)) {
    outcome = outcome && (await eraseInLane(turn, endpoint.endpoint_id, lane, outcome))
  }
  return outcome
}

async function eraseInLane(
  turn: Turn,
  endpoint_id: string,
  lane: number,
  { counts, is_clean }: Outcome,
): Promise<Outcome | null> {
  const { deps, run, erasure } = turn
  const { id, subject, requested_at, tenant_id } = erasure
  const object_name = objectName(endpoint_id, lane)
  while (run.take(2)) {
    const answer = await callEndpoint(deps.env, object_name, (stub) => stub.erase({ id, subject, requested_at })).catch(
      (error) => {
        report(deps, 'erasure.endpoint_failed', error, { tenant_id, object_name, id })
        return null
      },
    )
    if (answer === null) return { counts, is_clean: false }
    if (answer.dead.length > 0) await forgetDeaths(turn, endpoint_id, answer.dead)
    // It has counted all of its calls.
    const is_over = answer.in_flight === 0
    if (!answer.has_more) return { counts: sum(counts, answer.counts), is_clean: is_clean && is_over }
  }
  return null
}

/** What cannot be sent again is no dead letter any more. */
async function forgetDeaths({ deps, erasure }: Turn, endpoint_id: string, message_ids: string[]): Promise<void> {
  const ids = message_ids.map((message_id) => formatDeliveryId({ message_id, endpoint_id }))
  await deps.env.DB.prepare(FORGET).bind(erasure.tenant_id, JSON.stringify(ids)).run()
}

function sum(a: ErasedCounts, b: ErasedCounts): ErasedCounts {
  return {
    deliveries: a.deliveries + b.deliveries,
    unfinished: a.unfinished + b.unfinished,
    attempts: a.attempts + b.attempts,
  }
}

const FORGET = `DELETE FROM dead_letters
  WHERE tenant_id = ?1 AND cause = 'exhausted' AND id IN (SELECT value FROM json_each(?2))`
