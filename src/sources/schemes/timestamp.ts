import { ok, type Result } from '../../lib/result.ts'
import { type Refusal, refuse, type Verdict } from '../refusal.ts'

const UNIX = /^\d{1,15}$/

/** Reads Unix time as it is written in digits; Unix milliseconds. */
export function parseUnix(text: string, unit: 's' | 'ms'): Result<number, Refusal> {
  if (!UNIX.test(text)) return refuse('malformed_timestamp')
  return ok(unit === 's' ? Number(text) * 1000 : Number(text))
}

/** Whether something was signed about now, by the clock of who signed it. */
export function checkTime(signed_at: number, { now, tolerance_ms }: { now: number; tolerance_ms: number }): Verdict {
  if (now - signed_at > tolerance_ms) return refuse('timestamp_too_old')
  if (signed_at - now > tolerance_ms) return refuse('timestamp_in_future')
  return ok(undefined)
}
