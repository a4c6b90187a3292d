import { ok, type Result } from '../../lib/result.ts'
import { type Refusal, refuse, type Verdict } from '../refusal.ts'

const UNIX = /^\d{1,15}$/

/** Reads Unix time as it is written in digits; Unix milliseconds. */
export function parseUnix(text: string, unit: 's' | 'ms'): Result<number, Refusal> {
  if (!UNIX.test(text)) return refuse('malformed_timestamp')
  return ok(unit === 's' ? Number(text) * 1000 : Number(text))
}

const RFC3339 = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?)\d{0,9}(Z|[+-]\d{2}:\d{2})$/

/** Reads a time as RFC 3339 has it, also in nanoseconds, which count for nothing below a millisecond; Unix milliseconds. */
export function parseRfc3339(text: string): Result<number, Refusal> {
  const [, time, zone] = RFC3339.exec(text) ?? []
  const at = time === undefined ? Number.NaN : Date.parse(`${time}${zone}`)
  return Number.isNaN(at) ? refuse('malformed_timestamp') : ok(at)
}

/** Whether something was signed about now, by the clock of who signed it. */
export function checkTime(signed_at: number, { now, tolerance_ms }: { now: number; tolerance_ms: number }): Verdict {
  if (now - signed_at > tolerance_ms) return refuse('timestamp_too_old')
  if (signed_at - now > tolerance_ms) return refuse('timestamp_in_future')
  return ok(undefined)
}
