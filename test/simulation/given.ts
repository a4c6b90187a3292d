/** What runs of the Endpoint's core begin with: durations, settings, and ways an attempt may end. */
import type { Outcome, Rules } from '../../durable-objects/endpoint/machine.ts'

export const SECOND = 1000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** A queue holds a message for a day at most. */
export const QUEUE_DELAY_MAX = 24 * HOUR

export const DEFAULT_SCHEDULE = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
]

export const RULES: Rules = {
  disabled: null,
  retry_delays_ms: [5 * SECOND, 5 * MINUTE, 30 * MINUTE],
  max_in_flight: 10,
  rate_limit_per_s: null,
  disable_after_ms: 5 * DAY,
  max_unfinished: 1_000_000,
}

export const SUCCESS: Outcome = { kind: 'success' }
export const FAILURE = { kind: 'failure', retry_after_ms: null, is_gone: false, blames_receiver: true } as const
export const GONE: Outcome = { ...FAILURE, is_gone: true }
/** An attempt that was cut off on our side. */
export const INTERRUPTED: Outcome = { kind: 'interrupted' }
/** An attempt that failed before it reached the receiver. */
export const OURS: Outcome = { ...FAILURE, blames_receiver: false }
