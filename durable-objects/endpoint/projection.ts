import type { Report } from '../../src/report.ts'
import type { ProjectedRow } from './delivery-row.ts'
import type { Journal } from './journal.ts'
import { wordOfReason } from './rpc.ts'
import type { Store } from './store.ts'

/** The read model lags by about this much while D1 is well (design: at most 2 s). */
const FLUSH_MS_MIN = 1000
const FLUSH_MS_MAX = 60_000
/** An answer slower than this says that D1 is busy: write less often. */
const SLOW_MS = 1000
const ROWS_PER_WRITE = 500
/** Changed positions kept in memory; more go to the journal, so that memory stays bounded. */
const CHANGED_MAX = 10_000

/** What the projection needs of the Endpoint around it. */
export interface ProjectionShell {
  /** Writes rows to the read model; throws when it cannot. */
  write(rows: readonly ProjectedRow[]): Promise<void>
  /** The lowest position in flight, or Infinity. */
  lowestInFlight(): number
  report: Report
}

/**
 * Write-behind of an Endpoint's deliveries to the read model in D1.
 *
 * Remembering what has changed must not cost a row written per delivery. So each delivery carries,
 * in the row it writes anyway, the *watermark*: the position below which everything was settled
 * (projected, and not in flight without a due time) when it arrived. After a restart, everything
 * from the newest delivery's watermark on counts as changed. Only a change below the watermark,
 * which is a retry and not the common case, is written to a journal.
 */
export class Projection {
  private readonly store: Store
  private readonly journal: Journal
  private readonly shell: ProjectionShell
  private readonly changed = new Set<number>()
  private flying: ReadonlySet<number> = new Set()
  private interval_ms = FLUSH_MS_MIN
  private timer: ReturnType<typeof setTimeout> | null = null
  private current: Promise<void> | null = null
  private has_journal = true
  private is_stopped = false
  private end: number
  /** Everything below was settled. */
  watermark: number

  /**
   * @param watermark where a restart must begin to look
   * @param end exclusive end of the positions that are stored
   */
  constructor(store: Store, journal: Journal, shell: ProjectionShell, watermark: number, end: number) {
    this.store = store
    this.journal = journal
    this.shell = shell
    this.watermark = watermark
    this.end = end
  }

  /** Takes up what the process before this one may not have written. */
  recover(): void {
    for (let from = this.watermark; ; ) {
      const positions = this.store.positionsFrom(from, ROWS_PER_WRITE)
      for (const position of positions) this.touch(position)
      const last = positions.at(-1)
      if (last === undefined) break
      from = last + 1
    }
    if (this.isBehind()) this.schedule()
  }

  /** This delivery has changed. */
  touch(position: number): void {
    this.end = Math.max(this.end, position + 1)
    if (position < this.watermark || this.changed.size >= CHANGED_MAX) {
      this.journal.add(position)
      this.has_journal = true
    } else {
      this.changed.add(position)
    }
    this.schedule()
  }

  isBehind(): boolean {
    return this.changed.size > 0 || this.flying.size > 0 || this.has_journal
  }

  /** Writes what has changed; one run at a time. Never throws. */
  flush(): Promise<void> {
    this.current ??= this.flushAll().finally(() => {
      this.current = null
      this.advance()
      if (this.isBehind()) this.schedule()
    })
    return this.current
  }

  /** Writes nothing more, and asks storage nothing more: it is being deleted. */
  stop(): void {
    this.is_stopped = true
    if (this.timer !== null) clearTimeout(this.timer)
  }

  private schedule(): void {
    if (this.timer !== null || this.current !== null || this.is_stopped) return
    this.timer = setTimeout(() => {
      this.timer = null
      void this.flush().catch((error) => this.shell.report('projection.failed', error))
    }, this.interval_ms)
  }

  /**
   * One pass over what had changed when it began. What changes meanwhile waits for the next pass, so
   * that load makes statements larger and not more.
   */
  private async flushAll(): Promise<void> {
    const pending = [...this.changed]
    for (let from = 0; !this.is_stopped; from += ROWS_PER_WRITE) {
      const from_memory = pending.slice(from, from + ROWS_PER_WRITE)
      const from_journal = this.takeFromJournal(ROWS_PER_WRITE - from_memory.length)
      if (from_memory.length + from_journal.length === 0) return
      if (!(await this.flushSome(from_memory, from_journal))) return
      this.advance()
      if (from_memory.length + from_journal.length < ROWS_PER_WRITE) return
    }
  }

  private takeFromJournal(limit: number): number[] {
    if (!this.has_journal || limit === 0) return []
    const positions = this.journal.some(limit)
    // All there is; whatever is added or left over from here on says so again.
    if (positions.length < limit) this.has_journal = false
    return positions
  }

  private async flushSome(from_memory: readonly number[], from_journal: readonly number[]): Promise<boolean> {
    for (const position of from_memory) this.changed.delete(position)
    this.flying = new Set(from_memory)
    const rows = this.store.projected([...from_memory, ...from_journal])
    const started_at = Date.now()
    try {
      await this.shell.write(rows)
    } catch (error) {
      this.shell.report('projection.failed', error)
      for (const position of from_memory) this.changed.add(position)
      if (from_journal.length > 0) this.has_journal = true
      this.slowDown()
      return false
    } finally {
      this.flying = new Set()
    }
    if (this.is_stopped) return false
    if (Date.now() - started_at > SLOW_MS) this.slowDown()
    else this.interval_ms = FLUSH_MS_MIN
    if (from_journal.length > 0) this.clearJournal(from_journal, rows)
    return true
  }

  private slowDown(): void {
    this.interval_ms = Math.min(this.interval_ms * 2, FLUSH_MS_MAX)
  }

  /** What changed again while it was being written stays in the journal. */
  private clearJournal(positions: readonly number[], written: readonly ProjectedRow[]): void {
    const now = new Map(this.store.rows(positions).map((row) => [row.position, row.revision]))
    const stale = new Set(
      written
        .filter(({ position, revision }) => now.has(position) && now.get(position) !== revision)
        .map((row) => row.position),
    )
    if (stale.size > 0) this.has_journal = true
    this.journal.remove(positions.filter((position) => !stale.has(position)))
  }

  private advance(): void {
    let lowest = Math.min(this.end, this.shell.lowestInFlight())
    for (const position of this.changed) if (position < lowest) lowest = position
    this.watermark = Math.max(this.watermark, lowest)
  }
}

/** Upserts deliveries into the read model, as one statement. Later revisions win, whatever the order of arrival. */
export async function writeDeliveries(
  db: D1Database,
  tenant_id: string,
  endpoint_id: string,
  rows: readonly ProjectedRow[],
): Promise<void> {
  if (rows.length === 0) return
  const values = rows.map((row) => [
    row.accepted_at,
    row.message_id,
    row.event_type,
    row.subject,
    row.state,
    wordOfReason(row.note),
    row.ordering_key,
    row.attempts,
    row.last_status,
    row.last_error,
    row.due_at,
    row.finished_at,
    row.erased_at,
    row.updated_at,
    row.revision,
  ])
  await db.prepare(UPSERT).bind(tenant_id, endpoint_id, JSON.stringify(values)).run()
}

const COLUMNS = [
  'accepted_at',
  'message_id',
  'event_type',
  'subject',
  'state',
  'reason',
  'ordering_key',
  'attempts',
  'last_status',
  'last_error',
  'next_attempt_at',
  'finished_at',
  'erased_at',
  'updated_at',
  'revision',
]
// The subject does not change: naming it would cost an entry of its index each time. Who is erased is taken from it apart.
const CHANGING = COLUMNS.slice(4)

const UPSERT = `INSERT INTO deliveries (tenant_id, endpoint_id, ${COLUMNS.join(', ')})
  SELECT ?1, ?2, ${COLUMNS.map((_, i) => `value ->> ${i}`).join(', ')} FROM json_each(?3) WHERE true
  ON CONFLICT (tenant_id, accepted_at, message_id, endpoint_id)
  DO UPDATE SET ${CHANGING.map((column) => `${column} = excluded.${column}`).join(', ')}
  WHERE excluded.revision > deliveries.revision`
