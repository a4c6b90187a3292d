/** A queue holds a message back for a day at most; what is due later gets a new clock then. */
const DELAY_S_MAX = 24 * 60 * 60

/** Seconds to hold a message back, so that it arrives no sooner than it is due. Both are Unix milliseconds. */
export function delayUntil(due_at: number, now: number): number {
  return Math.min(Math.max(0, Math.ceil((due_at - now) / 1000)), DELAY_S_MAX)
}
