/** What a call came to: so many messages, counted in that month. */
export interface Heard {
  month: string
  count: number
}

/** A minute's worth at the rate that one object can take. */
const CALLS_MAX = 30_000

/**
 * The calls of the last while, so that one that is repeated because its answer was lost counts once. In memory: an
 * object that restarts in between counts it again.
 */
export class HeardCalls {
  private readonly calls = new Map<string, Heard>()

  get(id: string): Heard | undefined {
    return this.calls.get(id)
  }

  remember(id: string, heard: Heard): void {
    this.calls.delete(id)
    this.calls.set(id, heard)
    for (const oldest of this.calls.keys()) {
      if (this.calls.size <= CALLS_MAX) return
      this.calls.delete(oldest)
    }
  }
}
