import { setTimeout as delay } from 'node:timers/promises'

export interface WaitLimit {
  limit_ms: number
  /** For the error: what did not happen. */
  what: string
  /** How often to look; 20 ms unless looking is expensive. */
  interval_ms?: number
}

/**
 * Looks until the condition gives something, and hands it out.
 * @throws Error naming what did not happen in time
 */
export async function waitFor<Found>(
  look: () => Found | false | null | undefined | Promise<Found | false | null | undefined>,
  { limit_ms, what, interval_ms = 20 }: WaitLimit,
): Promise<Found> {
  const deadline = performance.now() + limit_ms
  for (;;) {
    const found = await look()
    if (found !== false && found !== null && found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${limit_ms / 1000} s`)
    await delay(interval_ms)
  }
}
