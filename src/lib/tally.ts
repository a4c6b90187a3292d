/** What of many equal lines is written: enough to see it, and how often it was, however often that is. */

const PERIOD_MS = 60_000

/** Names counted at once; with more than that, some begin again. */
const NAMES_MAX = 1000

interface Period {
  started_at: number
  times: number
}

/**
 * Counts by name, and says which of them to write: in each minute the first few, and after them the 100th,
 * the 1,000th and so on, so that a flood of a million costs a handful of lines and none that matters is missed.
 */
export class Tally {
  private readonly first: number
  private readonly periods = new Map<string, Period>()

  /** @param first how many of a minute are written each */
  constructor(first: number) {
    this.first = first
  }

  /**
   * Counts one more.
   * @param now Unix milliseconds
   * @returns how many this minute has had, when that is to be written; else null
   */
  count(name: string, now: number): number | null {
    let period = this.periods.get(name)
    if (period === undefined || now - period.started_at >= PERIOD_MS) {
      if (this.periods.size >= NAMES_MAX) this.periods.clear()
      period = { started_at: now, times: 0 }
      this.periods.set(name, period)
    }
    const times = ++period.times
    return times <= this.first || isPowerOfTen(times) ? times : null
  }
}

function isPowerOfTen(times: number): boolean {
  return times >= 100 && Number.isInteger(Math.log10(times))
}
