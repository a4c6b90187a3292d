/** Refusals remembered; with more than that under a limit at once, some are asked about again. */
const REFUSALS_MAX = 1000

/** Who was told to wait, and until when: asking a limiter again before would change nothing. */
export class Refusals {
  private readonly refused_until = new Map<string, number>()

  /** Nobody waits, as nearly always. */
  get is_empty(): boolean {
    return this.refused_until.size === 0
  }

  /** @param now Unix milliseconds */
  isRefused(key: string, now: number): boolean {
    const until = this.refused_until.get(key)
    if (until === undefined) return false
    if (now < until) return true
    this.refused_until.delete(key)
    return false
  }

  remember(key: string, until: number): void {
    if (this.refused_until.size >= REFUSALS_MAX) this.refused_until.clear()
    this.refused_until.set(key, until)
  }
}
