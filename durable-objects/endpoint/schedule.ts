/** A number in [0, 1). */
export type Random = () => number

/** Delays are spread by this share either way, so that what failed together does not come back together. */
const JITTER = 0.2

/** No receiver may put a delivery off for longer (design: Retry-After at most 24 h). */
export const RETRY_AFTER_MS_MAX = 24 * 60 * 60 * 1000

/**
 * How long to wait before the next attempt; undefined when the retries are used up.
 * @param delays_ms the endpoint's schedule, one entry per retry
 * @param failures failed attempts so far, at least 1
 * @param retry_after_ms what the receiver asked for, if it did: never come back sooner
 */
export function nextDelay(
  delays_ms: readonly number[],
  failures: number,
  retry_after_ms: number | null,
  random: Random,
): number | undefined {
  const delay = delays_ms[failures - 1]
  if (delay === undefined) return undefined
  return Math.max(jittered(delay, random), Math.min(retry_after_ms ?? 0, RETRY_AFTER_MS_MAX))
}

/** The duration ±20 %, in whole milliseconds. */
export function jittered(duration_ms: number, random: Random): number {
  return Math.round(duration_ms * (1 - JITTER + 2 * JITTER * random()))
}
