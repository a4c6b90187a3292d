/** Delay before a failed queue message comes back: 2 s, doubling to an hour. A hundred of them are four days. */
const BACKOFF_S_FIRST = 2
const BACKOFF_S_MAX = 3600

/** @param attempts how often the message was delivered so far, at least 1 */
export function backoff(attempts: number): number {
  return Math.min(BACKOFF_S_FIRST * 2 ** (attempts - 1), BACKOFF_S_MAX)
}
