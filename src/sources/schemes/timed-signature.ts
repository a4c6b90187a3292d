import { ok, type Result } from '../../lib/result.ts'
import type { InboundRequest } from '../provider.ts'
import { type Refusal, refuse, type Verdict } from '../refusal.ts'
import { decodeSignature } from './encoding.ts'
import { soleHeader } from './header.ts'
import { matchesAny } from './hmac.ts'
import { checkTime, parseUnix } from './timestamp.ts'

/** How a provider writes a time and codes into one header. */
export interface TimedForm {
  /** Between the members of the header. */
  separator: ',' | ';'
  /** Name of the member with the time, in Unix seconds. */
  time: string
  /** Name of those with codes: more than one while a secret is rotated. */
  code: string
  /** Between time and body, in what is signed. */
  join: '.' | ':'
}

/** `t=1492774577,v1=…`, as Stripe began it. */
export const STRIPE_FORM: TimedForm = { separator: ',', time: 't', code: 'v1', join: '.' }

/**
 * HMAC-SHA256 of time and body, in hexadecimal.
 * @param header in lower case
 */
export function verifyTimedSignature(
  { headers, body }: InboundRequest,
  keys: readonly string[],
  { header, form }: { header: string; form: TimedForm },
  clock: { now: number; tolerance_ms: number },
): Verdict {
  const value = soleHeader(headers, header)
  if (!value.ok) return value
  const signature = parseSignature(value.value, form)
  if (!signature.ok) return signature
  const { timestamp, codes } = signature.value
  const signed_at = parseUnix(timestamp, 's')
  if (!signed_at.ok) return signed_at
  const verdict = matchesAny('sha256', keys, [`${timestamp}${form.join}`, body], codes)
  return verdict.ok ? checkTime(signed_at.value, clock) : verdict
}

/** Other members, of other schemes, are not looked at. */
function parseSignature(
  header: string,
  { separator, time, code: name_of_code }: TimedForm,
): Result<{ timestamp: string; codes: Uint8Array[] }, Refusal> {
  const parts = header.split(separator).map((part) => part.split('=', 2))
  const valuesOf = (name: string) => parts.flatMap(([key, value = '']) => (key === name ? [value] : []))
  const [timestamp, ...more] = valuesOf(time)
  const codes = valuesOf(name_of_code).map((code) => decodeSignature(code, 'hex'))
  if (timestamp === undefined || more.length > 0 || codes.length === 0) return refuse('malformed_signature')
  const decoded = codes.flatMap((code) => (code.ok ? [code.value] : []))
  return decoded.length === codes.length ? ok({ timestamp, codes: decoded }) : refuse('malformed_signature')
}
