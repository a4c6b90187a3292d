import type { Bindings } from '../env.ts'
import { log } from '../lib/log.ts'
import { Tally } from '../lib/tally.ts'
import { keptTrace } from '../lib/trace-context.ts'
import type { Message } from './message.ts'
import type { Placed } from './place.ts'
import { findRepeatOfUnmatched, keepUnmatched } from './unmatched.ts'

/** Of one source: some days of a busy one, and what can be walked through when it goes on. */
export const PARKED_MAX = 100_000

/** Counting reads as many entries of an index as there are, so it is not done for every message. */
const COUNTED_FOR_MS = 60_000
/** Sources counted here; with more than that, some are counted again. */
const SOURCES_MAX = 1000

interface Count {
  counted_at: number
  /** Then, and what this isolate has parked since. */
  parked: number
}

const counts = new Map<string, Count>()
const full = new Tally(5)

/**
 * Keeps a message for when its source is no longer paused. One more than {@link PARKED_MAX} is refused, so that its
 * provider sends it again; the limit is exact but for what other isolates park within a minute.
 * @throws what D1 or R2 throws: without them this message is in nobody's custody
 */
export async function parkMessage(
  env: Pick<Bindings, 'DB' | 'PAYLOADS'>,
  message: Message,
  source_id: string,
): Promise<Placed> {
  const count = await countOf(env, message, source_id)
  if (count.parked < PARKED_MAX) {
    const placed = await keepUnmatched(env, message, source_id)
    if (placed.kind === 'accepted' && !placed.is_duplicate) count.parked++
    return placed
  }
  const repeat = await findRepeatOfUnmatched(env.DB, message)
  if (repeat !== null) return repeat
  const { tenant_id } = message
  const trace_id = keptTrace(message.headers)?.trace_id
  if (full.count(source_id, message.accepted_at) !== null)
    log('warn', 'source.parking_full', { tenant_id, source_id, trace_id })
  return { kind: 'not_all_placed', missing: [], is_known: false }
}

async function countOf(
  { DB }: Pick<Bindings, 'DB'>,
  { tenant_id, accepted_at: now }: Message,
  source_id: string,
): Promise<Count> {
  const known = counts.get(source_id)
  if (known !== undefined && Math.abs(now - known.counted_at) < COUNTED_FOR_MS) return known
  const row = await DB.prepare(COUNT).bind(tenant_id, source_id, PARKED_MAX).first<{ parked: number }>()
  const count = { counted_at: now, parked: row?.parked ?? 0 }
  if (counts.size >= SOURCES_MAX) counts.clear()
  counts.set(source_id, count)
  return count
}

const COUNT = `SELECT COUNT(*) AS parked FROM (SELECT 1 FROM unmatched_messages INDEXED BY unmatched_messages_parked
  WHERE tenant_id = ?1 AND parked_by = ?2 LIMIT ?3)`
