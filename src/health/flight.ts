/** What is known of the canary, and what that says. */

/** How a flight may fail: before it was accepted, on its way, or when it arrived. */
export type FlightError = 'not_published' | 'not_delivered' | 'late'

/** The last flight, and the last one that arrived: all that is kept, in one row. */
export interface Flight {
  published_at: number
  error: FlightError | null
  /** When the last one that arrived was published; null when none has. */
  last_success_at: number | null
  /** From its publishing until its echo had verified it. */
  latency_ms: number | null
}

/** `off`: no CANARY_URL; `waiting`: none has flown yet; `stale`: the cron no longer comes; `unknown`: D1 does not say. */
export const CANARY_STATUSES = ['ok', 'failing', 'stale', 'waiting', 'off', 'unknown'] as const

type CanaryStatus = (typeof CANARY_STATUSES)[number]

export interface CanaryHealth {
  status: CanaryStatus
  last_success_at: number | null
  /** Since then. */
  age_ms: number | null
  latency_ms: number | null
}

/** Three flights that should have begun: a cron may come late, or be missed once. */
export const STALE_AFTER_MS = 3 * 60 * 1000

/**
 * What the last flight says now.
 * @param flight null when none has flown, undefined when nobody knows
 */
export function judgeFlight(flight: Flight | null | undefined, is_on: boolean, now: number): CanaryHealth {
  const { last_success_at = null, latency_ms = null } = flight ?? {}
  const age_ms = last_success_at === null ? null : Math.max(0, now - last_success_at)
  return { status: statusOf(flight, is_on, now), last_success_at, age_ms, latency_ms }
}

function statusOf(flight: Flight | null | undefined, is_on: boolean, now: number): CanaryStatus {
  if (!is_on) return 'off'
  if (flight === undefined) return 'unknown'
  if (flight === null) return 'waiting'
  if (now - flight.published_at > STALE_AFTER_MS) return 'stale'
  return flight.error === null ? 'ok' : 'failing'
}

/** What is kept after a flight: one that failed leaves what is known of the last that arrived. */
export function landed(
  last: Flight | null,
  { published_at, ...end }: { published_at: number } & ({ error: FlightError } | { error: null; latency_ms: number }),
): Flight {
  if (end.error === null) {
    return { published_at, error: null, last_success_at: published_at, latency_ms: end.latency_ms }
  }
  const { last_success_at = null, latency_ms = null } = last ?? {}
  return { published_at, error: end.error, last_success_at, latency_ms }
}
