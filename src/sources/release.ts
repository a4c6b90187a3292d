/** Lets go what sources have parked: asks the queue, which does the work. */
import type { Deps } from '../deps.ts'
import { report } from '../report.ts'
import type { Run } from '../retention/run.ts'

/** Isolates that still take the source for paused (ingest-access.ts) have parked by then what they will. */
const STRAGGLERS_S = 15

/** A page of the cron, and one batch of a queue. */
const STEPS_PER_PAGE = 100

/**
 * Begins to hand on what a source has parked; for when it is no longer paused, or deleted. Never throws: what the queue
 * does not take, the cron does within the hour.
 */
export async function releaseParked(
  deps: Pick<Deps, 'env' | 'waitUntil'>,
  tenant_id: string,
  source_id: string,
): Promise<void> {
  const body = { v: 1, tenant_id, source_id } as const
  try {
    await deps.env.RELEASES.sendBatch([{ body }, { body, delaySeconds: STRAGGLERS_S }])
  } catch (error) {
    report(deps, 'source.release_refused', error, { tenant_id, source_id })
  }
}

interface Step {
  tenant_id: string
  source_id: string
  /** It is a source that has something parked, and is not paused: one that was deleted is not. */
  is_left: 0 | 1
}

/**
 * Begins again for every source that is not paused and has something parked all the same.
 * @throws what D1 or the queue throws; the next run goes on
 */
export async function releaseLeft({ env }: Deps, run: Run): Promise<void> {
  for (let from = { tenant_id: '', source_id: '' }; run.take(2); ) {
    const { results, meta } = await env.DB.prepare(STEPS)
      .bind(from.tenant_id, from.source_id, STEPS_PER_PAGE)
      .run<Step>()
    run.countRows(meta)
    const left = results.filter(({ is_left }) => is_left === 1)
    const messages = left.map(({ tenant_id, source_id }) => ({ body: { v: 1, tenant_id, source_id } as const }))
    if (messages.length > 0) await env.RELEASES.sendBatch(messages)
    run.count('sources', messages.length)
    const last = results.at(-1)
    if (last === undefined || results.length < STEPS_PER_PAGE) return
    from = last
  }
}

// From source to source through the index, however much each has parked. A tenant's first step has no source yet.
const FROM = 'FROM unmatched_messages INDEXED BY unmatched_messages_parked WHERE parked_by IS NOT NULL'
const NEXT_SOURCE = `(SELECT parked_by ${FROM} AND tenant_id = parking.tenant_id AND parked_by > parking.source_id
    ORDER BY parked_by LIMIT 1)`
const NEXT_TENANT = `(SELECT tenant_id ${FROM} AND tenant_id > parking.tenant_id ORDER BY tenant_id LIMIT 1)`
const STEPS = `WITH RECURSIVE parking (tenant_id, source_id, nth) AS (
    VALUES (?1, ?2, 0)
    UNION ALL
    SELECT CASE WHEN ${NEXT_SOURCE} IS NULL THEN ${NEXT_TENANT} ELSE tenant_id END, COALESCE(${NEXT_SOURCE}, ''), nth + 1
    FROM parking WHERE tenant_id IS NOT NULL AND nth < ?3)
  SELECT parking.tenant_id, source_id, source_id <> '' AND paused_at IS NULL AS is_left
    FROM parking LEFT JOIN sources ON sources.tenant_id = parking.tenant_id AND sources.id = source_id
    WHERE nth > 0 AND parking.tenant_id IS NOT NULL ORDER BY nth`
