import { jittered, type Random } from './schedule.ts'

const CONSECUTIVE_FAILURES_TO_OPEN = 5
const WINDOW_LENGTH = 20
const WINDOW_FAILURES_TO_OPEN = 10
const OPEN_MS_FIRST = 30_000
const OPEN_MS_MAX = 60 * 60 * 1000
const PROBE_AGAIN_MS = 1000

/** An endpoint's circuit breaker. Times are Unix milliseconds. */
export interface Breaker {
  readonly state: 'closed' | 'open' | 'half_open'
  readonly consecutive_failures: number
  /** The last outcomes while closed, oldest first; true for a failure. */
  readonly window: readonly boolean[]
  /** Openings in a row without a full recovery; each doubles the time it stays open. */
  readonly openings: number
  readonly opened_at: number | null
  readonly open_until: number | null
  /** Attempts allowed at once while recovering; null when only the endpoint's own limit holds. */
  readonly ramp: number | null
  /** First failure since the last success. */
  readonly failing_since: number | null
}

export const CLOSED: Breaker = {
  state: 'closed',
  consecutive_failures: 0,
  window: [],
  openings: 0,
  opened_at: null,
  open_until: null,
  ramp: null,
  failing_since: null,
}

/** A closed breaker that lets traffic return one attempt at a time: after enabling or a reset. */
export const SLOW_START: Breaker = { ...CLOSED, ramp: 1 }

export interface Failure {
  now: number
  /** Do not probe before the receiver said it would be back. */
  retry_after_ms: number | null
}

/** The outcome of an attempt that was not a probe. What ends late while the breaker is not closed decides nothing. */
export function recordSuccess(breaker: Breaker, max_in_flight: number): Breaker {
  if (breaker.state !== 'closed') return breaker
  const recovered: Breaker = {
    ...breaker,
    consecutive_failures: 0,
    window: remember(breaker, false),
    failing_since: null,
  }
  if (breaker.ramp === null) return recovered
  const ramp = breaker.ramp * 2
  return ramp < max_in_flight ? { ...recovered, ramp } : { ...recovered, ramp: null, openings: 0 }
}

/** The same for a failure; opens the breaker when it is one too many. */
export function recordFailure(breaker: Breaker, failure: Failure, random: Random): Breaker {
  const failing_since = breaker.failing_since ?? failure.now
  if (breaker.state !== 'closed') return { ...breaker, failing_since }
  const consecutive_failures = breaker.consecutive_failures + 1
  const window = remember(breaker, true)
  const failed = { ...breaker, consecutive_failures, window, failing_since }
  return isTooMany(failed) ? open(failed, failure, random) : failed
}

/** The probe leaves: until it is back nothing else may. */
export function startProbe(breaker: Breaker): Breaker {
  return { ...breaker, state: 'half_open' }
}

/** The probe succeeded: closed, and concurrency climbs 1, 2, 4, … back to the endpoint's limit. */
export function closeAfterProbe(breaker: Breaker): Breaker {
  return { ...SLOW_START, openings: breaker.openings }
}

/** The probe failed: open again, for twice as long. */
export function reopenAfterProbe(breaker: Breaker, failure: Failure, random: Random): Breaker {
  return open({ ...breaker, failing_since: breaker.failing_since ?? failure.now }, failure, random)
}

/** The probe said nothing about the receiver (it was cut off, or never left): probe again soon. */
export function abandonProbe(breaker: Breaker, now: number): Breaker {
  return { ...breaker, state: 'open', open_until: now + PROBE_AGAIN_MS }
}

function open(breaker: Breaker, { now, retry_after_ms }: Failure, random: Random): Breaker {
  const open_ms = Math.min(OPEN_MS_FIRST * 2 ** breaker.openings, OPEN_MS_MAX)
  return {
    ...breaker,
    state: 'open',
    window: [],
    ramp: null,
    openings: breaker.openings + 1,
    opened_at: breaker.opened_at ?? now,
    open_until: now + Math.max(jittered(open_ms, random), retry_after_ms ?? 0),
  }
}

function isTooMany({ consecutive_failures, window }: Breaker): boolean {
  if (consecutive_failures >= CONSECUTIVE_FAILURES_TO_OPEN) return true
  return window.length === WINDOW_LENGTH && window.filter(Boolean).length >= WINDOW_FAILURES_TO_OPEN
}

function remember(breaker: Breaker, failed: boolean): readonly boolean[] {
  return [...breaker.window, failed].slice(-WINDOW_LENGTH)
}
