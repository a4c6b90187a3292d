import type { Outcome } from './machine.ts'
import type { AttemptError } from './rpc.ts'
import { RETRY_AFTER_MS_MAX } from './schedule.ts'

/** Why an answer with this status is not a success; null when it is one. */
export function errorOfStatus(status: number): AttemptError | null {
  if (status >= 200 && status < 300) return null
  if (status >= 300 && status < 400) return 'redirect'
  if (status === 410) return 'gone'
  if (status === 429) return 'rate_limited'
  if (status >= 400 && status < 500) return 'client_error'
  if (status >= 500 && status < 600) return 'server_error'
  return 'unexpected_status'
}

/** A day of them, one every 30 s. A delivery that is cut off that often is not the victim of an outage of ours: it is its cause. */
const INTERRUPTIONS_MAX = 2880

/**
 * What an attempt means for the delivery, the schedule and the breaker.
 * @param interruptions how often attempts of this delivery were cut off before
 */
export function outcomeOf(error: AttemptError | null, retry_after_ms: number | null, interruptions = 0): Outcome {
  if (error === null) return { kind: 'success' }
  if (error === 'interrupted' && interruptions < INTERRUPTIONS_MAX) return { kind: 'interrupted' }
  // A master key that is missing is an operator's slip, of all endpoints at once: putting it back has to heal all of it.
  if (error === 'signing_failed') return { kind: 'interrupted' }
  return {
    kind: 'failure',
    retry_after_ms,
    is_gone: error === 'gone',
    blames_receiver: !NOT_THE_RECEIVER.has(error),
  }
}

/** The same failure, as of somebody who is not the receiver any more: neither for its breaker nor to disable it. */
export function withoutBlame(outcome: Outcome): Outcome {
  return outcome.kind === 'failure' ? { ...outcome, is_gone: false, blames_receiver: false } : outcome
}

const NOT_THE_RECEIVER: ReadonlySet<AttemptError> = new Set([
  'url_refused',
  'invalid_request',
  'transform_failed',
  'payload_missing',
  'interrupted',
])

/**
 * How long a 429 or 503 asks us to stay away, at most 24 h; null when it does not say or makes no sense.
 * RFC 9110, section 10.2.3: delay in seconds, or an HTTP date.
 */
export function retryAfterMs(status: number, header: string | null, now: number): number | null {
  if ((status !== 429 && status !== 503) || header === null) return null
  const text = header.trim()
  const wait_ms = /^\d+$/.test(text) ? Number(text) * 1000 : dateOf(text) - now
  if (Number.isNaN(wait_ms) || wait_ms <= 0) return null
  return Math.min(wait_ms, RETRY_AFTER_MS_MAX)
}

/** An HTTP date in one of its three forms, or one of RFC 3339; `Date.parse` alone finds a year in any nonsense. */
function dateOf(text: string): number {
  if (/^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/.test(text)) return Date.parse(`${text} GMT`)
  return /^[A-Z][a-z]{2,8}, .*GMT$/.test(text) || /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN
}
