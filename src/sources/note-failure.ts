/** Keeps what a source did not believe, for its owner to see. A flood of forged requests costs a few statements of D1. */
import type { Deps } from '../deps.ts'
import { log } from '../lib/log.ts'
import { Tally } from '../lib/tally.ts'
import { report } from '../report.ts'
import { type FailureGroup, GatheredFailures, minuteOf } from './gathered-failures.ts'
import type { Refusal } from './refusal.ts'

type FailureDeps = Pick<Deps, 'env' | 'now' | 'waitUntil'> & Pick<Partial<Deps>, 'trace'>

/** What was refused, and how the request came. */
interface Refused {
  reason: Refusal
  address: string | undefined
  header_names: readonly string[]
}

/** An isolate writes no more often than this: a sixth of what the platform leaves a request after its answer. */
const GATHER_MS = 5000
/** Whoever was to write by then is gone: the platform ends what goes on after an answer. */
const LATE_MS = 10_000

const HEADERS_MAX = 50
const HEADER_NAME_LENGTH_MAX = 64
/** The longest IPv6 address there is. Locally a caller may write what it likes. */
const ADDRESS_LENGTH_MAX = 45

/** So many failures in so long are worth telling, and telling again after an hour. */
export const FAILING_COUNT = 10
export const FAILING_MS = 5 * 60_000
const TOLD_FOR_MS = 60 * 60_000

/** Of a source: then the oldest make room. Else whoever forges for weeks would fill the database, which is everybody's. */
const KEPT_MAX = 5000
/** As many as one statement should delete. */
const FORGOTTEN_AT_ONCE_MAX = 5000

/** Lines a minute of each source and reason. */
const lines = new Tally(5)

const gathered = new GatheredFailures()
let written_at = 0
/** In which it was last looked whether sources have too many: that walks through all that they have. */
let trimmed_minute = 0
/** When somebody is to write what is gathered; null while nobody is. */
let writes_at: number | null = null

/**
 * Notes that a request to a source was not believed, after the answer: the first at once, what follows gathered for some
 * seconds, so that it costs an isolate a statement in five seconds at most. Never throws.
 */
export function noteFailure(deps: FailureDeps, source: { tenant_id: string; id: string }, refused: Refused): void {
  try {
    const at = deps.now()
    const { tenant_id, id: source_id } = source
    const { reason } = refused
    const times = lines.count(`${source_id} ${reason}`, at)
    if (times !== null) {
      const ids = { source_id, tenant_id, trace_id: deps.trace?.trace_id }
      log('warn', 'source.verification_failed', { ...ids, reason, ...(times > 1 && { times }) })
    }
    const address = (refused.address ?? '').slice(0, ADDRESS_LENGTH_MAX)
    gathered.add({ tenant_id, source_id, reason, address, header_names: toNames(refused.header_names), at })
    seeThatItIsWritten(deps, at)
  } catch (error) {
    report(deps, 'source.failure_unnoted', error, { source_id: source.id })
  }
}

function toNames(header_names: readonly string[]): string[] {
  const names = header_names.slice(0, HEADERS_MAX).map((name) => name.toLowerCase().slice(0, HEADER_NAME_LENGTH_MAX))
  return [...new Set(names)]
}

/** One request has the duty of writing, and nobody waits for it: what others add until then goes with it. */
function seeThatItIsWritten(deps: FailureDeps, now: number): void {
  if (writes_at !== null && now - writes_at < LATE_MS) return
  const delay_ms = Math.min(GATHER_MS, Math.max(0, written_at + GATHER_MS - now))
  writes_at = now + delay_ms
  deps.waitUntil(writeLater(deps, delay_ms))
}

async function writeLater(deps: FailureDeps, delay_ms: number): Promise<void> {
  if (delay_ms > 0) await scheduler.wait(delay_ms)
  written_at = deps.now()
  writes_at = null
  const taken = gathered.take()
  try {
    await write(deps, taken.groups)
    if (taken.lost > 0) log('warn', 'source.failures_uncounted', { count: taken.lost })
  } catch (error) {
    // They go with the next that is noted.
    gathered.giveBack(taken)
    report(deps, 'source.failure_unnoted', error, { groups: taken.groups.length })
  }
}

/** Told by whoever changes the row: one isolate of all that see the source fail. */
async function write({ env, now }: FailureDeps, groups: readonly FailureGroup[]): Promise<void> {
  if (groups.length === 0) return
  const rows = groups.map((group) => [
    group.tenant_id,
    group.source_id,
    group.minute,
    group.reason,
    group.address,
    group.count,
    group.last_at,
    JSON.stringify(group.header_names),
  ])
  const sources = JSON.stringify([...new Set(groups.map(({ source_id }) => source_id))])
  const statements = [env.DB.prepare(ADD).bind(JSON.stringify(rows)), env.DB.prepare(TELL).bind(sources, now())]
  const minute = minuteOf(now())
  if (minute !== trimmed_minute) statements.push(env.DB.prepare(TRIM).bind(sources))
  trimmed_minute = minute
  const [, told] = await env.DB.batch<{ tenant_id: string; source_id: string; failures: number }>(statements)
  for (const { tenant_id, source_id, failures } of told?.results ?? []) {
    log('warn', 'source.verification_failing', { tenant_id, source_id, failures, in_s: FAILING_MS / 1000 })
  }
}

// Nothing of a source that was deleted meanwhile.
const ADD = `INSERT INTO source_failures (tenant_id, source_id, minute, reason, address, count, last_at, header_names)
  SELECT ${Array.from({ length: 8 }, (_, i) => `value ->> ${i}`).join(', ')} FROM json_each(?1)
  WHERE EXISTS (SELECT 1 FROM sources WHERE sources.tenant_id = value ->> 0 AND sources.id = value ->> 1)
  ON CONFLICT (tenant_id, source_id, minute, reason, address) DO UPDATE SET count = count + excluded.count,
    header_names = CASE WHEN excluded.last_at >= last_at THEN excluded.header_names ELSE header_names END,
    last_at = MAX(last_at, excluded.last_at)`

const RECENT = `(SELECT COALESCE(SUM(count), 0) FROM source_failures AS failure WHERE failure.tenant_id = sources.tenant_id
    AND failure.source_id = sources.id AND failure.minute > ?2 - ${FAILING_MS})`
const TELL = `UPDATE sources SET failing_told_at = ?2 WHERE id IN (SELECT value FROM json_each(?1))
    AND (failing_told_at IS NULL OR failing_told_at < ?2 - ${TOLD_FOR_MS}) AND ${RECENT} >= ${FAILING_COUNT}
  RETURNING tenant_id, id AS source_id, ${RECENT} AS failures`

// A whole minute or nothing of it, so that none is counted in part.
const TRIM = `WITH oldest AS MATERIALIZED (SELECT tenant_id, id, (SELECT minute FROM source_failures AS kept
      WHERE kept.tenant_id = sources.tenant_id AND kept.source_id = sources.id
      ORDER BY minute DESC LIMIT 1 OFFSET ${KEPT_MAX - 1}) AS minute
    FROM sources WHERE id IN (SELECT value FROM json_each(?1)))
  DELETE FROM source_failures WHERE (tenant_id, source_id, minute, reason, address) IN (
    SELECT failure.tenant_id, failure.source_id, failure.minute, failure.reason, failure.address
    FROM oldest CROSS JOIN source_failures AS failure ON failure.tenant_id = oldest.tenant_id
      AND failure.source_id = oldest.id AND failure.minute < oldest.minute
    LIMIT ${FORGOTTEN_AT_ONCE_MAX})`
