import type { Deps } from '../deps.ts'
import { log } from '../lib/log.ts'
import { type Reporting, report } from '../report.ts'

/** An invocation may make 1,000 subrequests, which calls of D1, R2 and objects are. */
const CALLS_MAX = 900
/** The platform ends a cron after 15 minutes. Shorter, so that the next hour's never meets it. */
const RUN_MS_MAX = 5 * 60 * 1000

export interface Bounds {
  calls: number
  ms: number
}

/** One run of a job: what it may still use, and what it has done so far, which is logged whether it ends well or not. */
export class Run {
  readonly counts: Record<string, number> = {}
  private readonly now: () => number
  private readonly ends_at: number
  private calls_left: number
  /** Something was left for the next run. */
  is_cut_off = false

  constructor(now: () => number, { calls, ms }: Bounds = { calls: CALLS_MAX, ms: RUN_MS_MAX }) {
    this.now = now
    this.ends_at = now() + ms
    this.calls_left = calls
  }

  /** Whether it may make so many more calls, and if so counts them. Once refused it should end. */
  take(calls = 1): boolean {
    if (this.calls_left < calls || this.now() >= this.ends_at) {
      this.is_cut_off = true
      return false
    }
    this.calls_left -= calls
    return true
  }

  /**
   * Lets work have a part of this run, and no more of it.
   * @throws what the work throws
   */
  async share(calls: number, work: (part: Run) => Promise<void>): Promise<void> {
    const granted = Math.min(calls, this.calls_left)
    const part = new Run(this.now, { calls: granted, ms: this.ends_at - this.now() })
    try {
      await work(part)
    } finally {
      this.calls_left -= granted - part.calls_left
      this.is_cut_off ||= part.is_cut_off
      for (const [what, how_many] of Object.entries(part.counts)) this.count(what, how_many)
    }
  }

  count(what: string, how_many: number): void {
    this.counts[what] = (this.counts[what] ?? 0) + how_many
  }

  /** The same of a statement: rows that it changed, and what D1 bills for it. */
  countChanges(what: string, meta: D1Meta): void {
    this.count(what, meta.changes)
    this.countRows(meta)
  }

  countRows({ rows_read, rows_written }: D1Meta): void {
    this.count('rows_read', rows_read)
    this.count('rows_written', rows_written)
  }
}

/**
 * Does a job within a run, and says what it did.
 * @param name dotted, for the log
 * @throws what the job throws
 */
export async function runJob(
  deps: Reporting & Pick<Deps, 'now'>,
  name: string,
  run: Run,
  job: (run: Run) => Promise<void>,
): Promise<void> {
  const started_at = deps.now()
  const summary = () => ({ ...run.counts, is_cut_off: run.is_cut_off, duration_ms: deps.now() - started_at })
  try {
    await job(run)
    log('info', name, summary())
  } catch (error) {
    report(deps, 'scheduled.failed', error, { job: name, ...summary() })
    throw error
  }
}
