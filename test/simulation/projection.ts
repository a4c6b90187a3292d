/**
 * A model of the write-behind to the read model: what has changed is written later. Like the real one it
 * remembers most of that only in memory, and after a crash looks again from the newest row's watermark on.
 */
import type { Disk } from './disk.ts'
import type { Row } from './rows.ts'

const FLUSH_MS_MIN = 1000
const FLUSH_MS_MAX = 60_000
const ROWS_PER_WRITE = 20
/** Small, so that runs come past it. */
const CHANGED_MAX = 15

export interface ProjectionMeans {
  disk: Disk
  /** Runs later, if the process is still there then. */
  later: (delay_ms: number, what: () => void) => void
  /** After what was written so far is committed. `is_slow`: the database took its time. */
  write: (rows: readonly Row[], done: (is_slow: boolean) => void, failed: () => void) => void
  lowestInFlight: () => number
}

export class Projection {
  private readonly means: ProjectionMeans
  private readonly changed = new Set<number>()
  private flying: readonly number[] = []
  private interval_ms = FLUSH_MS_MIN
  private is_scheduled = false
  private is_flushing = false
  private has_journal = true
  private following: (() => void)[] = []
  private end: number
  watermark: number

  constructor(means: ProjectionMeans, watermark: number) {
    this.means = means
    this.watermark = watermark
    this.end = (means.disk.rows.newest()?.position ?? -1) + 1
  }

  recover(): void {
    for (const position of this.means.disk.rows.positionsFrom(this.watermark)) this.touch(position)
    if (this.isBehind()) this.schedule()
  }

  touch(position: number): void {
    this.end = Math.max(this.end, position + 1)
    if (position < this.watermark || this.changed.size >= CHANGED_MAX) {
      const { disk } = this.means
      if (!disk.meta.unprojected.has(position)) {
        disk.write({ unprojected: new Set(disk.meta.unprojected).add(position) })
      }
      this.has_journal = true
    } else {
      this.changed.add(position)
    }
    this.schedule()
  }

  isBehind(): boolean {
    return this.changed.size > 0 || this.flying.length > 0 || this.has_journal
  }

  /** @param then runs when this flush, or the one under way, is over */
  flush(then: () => void = () => {}): void {
    this.following.push(then)
    if (this.is_flushing) return
    this.is_flushing = true
    this.flushSome()
  }

  private schedule(): void {
    if (this.is_scheduled || this.is_flushing) return
    this.is_scheduled = true
    this.means.later(this.interval_ms, () => {
      this.is_scheduled = false
      this.flush()
    })
  }

  private flushSome(): void {
    const { disk, write } = this.means
    const from_memory = [...this.changed].slice(0, ROWS_PER_WRITE)
    const from_journal = [...disk.meta.unprojected].slice(0, ROWS_PER_WRITE - from_memory.length)
    if (from_memory.length + from_journal.length === 0) {
      this.has_journal = false
      this.rest()
      return
    }
    for (const position of from_memory) this.changed.delete(position)
    this.flying = from_memory
    const rows = [...from_memory, ...from_journal].flatMap((position) => disk.rows.find(position) ?? [])
    write(
      rows,
      (is_slow) => {
        this.flying = []
        this.interval_ms = is_slow ? Math.min(this.interval_ms * 2, FLUSH_MS_MAX) : FLUSH_MS_MIN
        this.clearJournal(from_journal, rows)
        this.flushSome()
      },
      () => {
        this.flying = []
        for (const position of from_memory) this.changed.add(position)
        this.interval_ms = Math.min(this.interval_ms * 2, FLUSH_MS_MAX)
        this.rest()
      },
    )
  }

  private rest(): void {
    this.is_flushing = false
    let lowest = Math.min(this.end, this.means.lowestInFlight())
    for (const position of this.changed) if (position < lowest) lowest = position
    this.watermark = Math.max(this.watermark, lowest)
    if (this.isBehind()) this.schedule()
    const { following } = this
    this.following = []
    for (const then of following) then()
  }

  /** What changed again while it was being written stays in the journal. */
  private clearJournal(positions: readonly number[], written: readonly Row[]): void {
    if (positions.length === 0) return
    const { disk } = this.means
    const revisions = new Map(written.map(({ position, revision }) => [position, revision]))
    const unprojected = new Set(disk.meta.unprojected)
    for (const position of positions) {
      const row = disk.rows.find(position)
      if (row === undefined || row.revision === revisions.get(position)) unprojected.delete(position)
    }
    disk.write({ unprojected })
  }
}
