import { ok, type Result } from '../../lib/result.ts'
import { type Refusal, refuse, type Verdict } from '../refusal.ts'

const UNIX = /^\d{1,15}$/
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/

/** Reads Unix time as it is written in digits; Unix milliseconds. */
export function parseUnix(text: string, unit: 's' | 'ms'): Result<number, Refusal> {
  if (!UNIX.test(text)) return refuse('malformed_timestamp')
  return ok(unit === 's' ? Number(text) * 1000 : Number(text))
}

/** Reads a time as RFC 3339 writes it; Unix milliseconds. */
export function parseRfc3339(text: string): Result<number, Refusal> {
  const time = RFC_3339.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(time) ? refuse('malformed_timestamp') : ok(time)
}

/** Whether something was signed about now, by the clock of who signed it. */
export function checkTime(signed_at: number, { now, tolerance_ms }: { now: number; tolerance_ms: number }): Verdict {
  if (now - signed_at > tolerance_ms) return refuse('timestamp_too_old')
  if (signed_at - now > tolerance_ms) return refuse('timestamp_in_future')
  return ok(undefined)
}
