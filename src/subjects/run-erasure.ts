/**
 * Erases one data subject, store by store. It may be cut off anywhere: what was erased stays erased and counted, and the
 * next run goes on from the last place that was saved. Two runs at once would be wrong only in what they count, so one
 * holds a lease.
 *
 * One pass is not enough, because a message may be on its way: a publish that has read its time and not yet written, a
 * row of the read model that is just being flushed. So it is done when a pass found everybody well that began when all
 * of that has arrived. What a queue holds for longer is stopped by the Endpoints, which remember whom they erased.
 */
import { audited } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import { log } from '../lib/log.ts'
import { ok } from '../lib/result.ts'
import type { Run } from '../retention/run.ts'
import { eraseInDatabase } from './erase-in-database.ts'
import { eraseInEndpoints } from './erase-in-endpoints.ts'
import { erasePayloads } from './erase-payloads.ts'
import { type Completed, digestOf, signReceipt } from './receipt.ts'
import { type ErasureRow, type Progress, STORES } from './table.ts'
import { HELD, LeaseLost, readErasure, type Stored, save, type Turn } from './turn.ts'

/** Longer than any run, so that the lease need not be renewed. What was killed is taken up that much later. */
const LEASE_MS = 10 * 60 * 1000
/** What was accepted before the request has arrived by then, or is in a queue. */
const ARRIVED_AFTER_MS = 10 * 60 * 1000

/** Whether a store is through; false when there is more to do and no room for it. */
type Step = (turn: Turn) => Promise<boolean>

const STEPS: Readonly<Record<Progress['store'], Step>> = {
  endpoints: eraseInEndpoints,
  deliveries: (turn) => eraseInDatabase(turn, 'deliveries'),
  unmatched_messages: (turn) => eraseInDatabase(turn, 'unmatched_messages'),
  dead_letters: (turn) => eraseInDatabase(turn, 'dead_letters'),
  payloads: erasePayloads,
}

export function firstPass(began_at: number): Progress {
  const counts = { deliveries: 0, unfinished: 0, attempts: 0 }
  return { began_at, store: STORES[0], after: '', counts, is_clean: true, deleting: [] }
}

/**
 * As far as the run may; nothing when somebody else is at it, or its time has not come.
 * @throws what D1 or R2 throws
 */
export async function runErasure(
  deps: Deps,
  run: Run,
  { tenant_id, id }: Pick<ErasureRow, 'tenant_id' | 'id'>,
): Promise<void> {
  if (!run.take()) return
  const now = deps.now()
  const lease = now + LEASE_MS
  const claimed = await deps.env.DB.prepare(CLAIM).bind(tenant_id, id, now, lease).first<Stored>()
  if (claimed === null) return
  const turn: Turn = { deps, run, erasure: readErasure(claimed), lease }
  try {
    await goThrough(turn)
  } catch (error) {
    if (!(error instanceof LeaseLost)) throw error
    log('warn', 'erasure.lease_lost', { tenant_id, id })
  }
}

async function goThrough(turn: Turn): Promise<void> {
  for (let place = STORES.indexOf(turn.erasure.progress.store); place < STORES.length; ) {
    const store = STORES[place] ?? STORES[0]
    if (!(await STEPS[store](turn))) return release(turn, turn.deps.now())
    const next = STORES[++place]
    if (next !== undefined) await save(turn, { store: next, after: '' })
  }
  await endPass(turn)
}

/** Once more, later, unless all had arrived when this pass began, and everybody was well. */
async function endPass(turn: Turn): Promise<void> {
  const { deps, erasure, lease } = turn
  const { progress, requested_at, tenant_id, id } = erasure
  const arrived_at = requested_at + ARRIVED_AFTER_MS
  // An endpoint that was deleted since takes what it counted with it; what was erased there stays erased.
  const deliveries = Math.max(erasure.deliveries, progress.counts.deliveries)
  const unfinished_deliveries = Math.max(erasure.unfinished_deliveries, progress.counts.unfinished)
  const attempts = Math.max(erasure.attempts, progress.counts.attempts)
  if (progress.is_clean && progress.began_at >= arrived_at) {
    return complete(turn, { ...erasure, deliveries, unfinished_deliveries, attempts, completed_at: deps.now() })
  }
  const run_after = Math.max(arrived_at, deps.now() + (progress.is_clean ? 0 : ARRIVED_AFTER_MS))
  const again = JSON.stringify(firstPass(run_after))
  await deps.env.DB.prepare(END_PASS)
    .bind(tenant_id, id, lease, again, run_after, deliveries, unfinished_deliveries, attempts)
    .run()
}

/** Its receipt and its entry in the audit log are one batch. */
async function complete({ deps, run, lease }: Turn, erasure: Completed): Promise<void> {
  const { tenant_id, id, completed_at, deliveries, unfinished_deliveries, attempts } = erasure
  const [digest, signature] = await Promise.all([digestOf(erasure), signReceipt(deps.settings.keyring, erasure)])
  const ended = await audited(deps, tenant_id, async (trail) => {
    const counts = [deliveries, unfinished_deliveries, attempts]
    const values = [tenant_id, id, lease, completed_at, signature, ...counts]
    const decisive = deps.env.DB.prepare(COMPLETE).bind(...values)
    const entry = { action: 'erasure.complete', target: id, after: { digest } } as const
    return ok(await trail.commit(entry, { decisive }))
  })
  if (!ended.ok) throw new Error(ended.error.detail)
  if (!ended.value) throw new LeaseLost()
  run.count('erasures', 1)
  log('info', 'erasure.completed', { tenant_id, id })
}

async function release({ deps, erasure, lease }: Turn, run_after: number): Promise<void> {
  await deps.env.DB.prepare(`UPDATE erasures SET run_after = ?4 ${HELD}`)
    .bind(erasure.tenant_id, erasure.id, lease, run_after)
    .run()
}

const CLAIM = `UPDATE erasures SET run_after = ?4
  WHERE tenant_id = ?1 AND id = ?2 AND run_after <= ?3 AND completed_at IS NULL RETURNING *`
const COUNTS = 'deliveries = ?6, unfinished_deliveries = ?7, attempts = ?8'
const END_PASS = `UPDATE erasures SET progress = ?4, run_after = ?5, ${COUNTS} ${HELD}`
const COMPLETE = `UPDATE erasures SET completed_at = ?4, signature = ?5, ${COUNTS} ${HELD}`
