import { ok, type Result } from '../../lib/result.ts'
import type { InboundRequest } from '../provider.ts'
import { type Refusal, refuse, type Verdict } from '../refusal.ts'
import { decodeSignature } from './encoding.ts'
import { soleHeader } from './header.ts'
import { matchesAny } from './hmac.ts'
import { checkTime, parseUnix } from './timestamp.ts'

/**
 * `t=1492774577,v1=…`: HMAC-SHA256 of `{t}.{body}` in hexadecimal, `t` in Unix seconds. As Stripe began it.
 * @param header in lower case
 */
export function verifyTimedSignature(
  { headers, body }: InboundRequest,
  keys: readonly string[],
  header: string,
  clock: { now: number; tolerance_ms: number },
): Verdict {
  const value = soleHeader(headers, header)
  if (!value.ok) return value
  const signature = parseSignature(value.value)
  if (!signature.ok) return signature
  const { timestamp, codes } = signature.value
  const signed_at = parseUnix(timestamp, 's')
  if (!signed_at.ok) return signed_at
  const verdict = matchesAny('sha256', keys, [`${timestamp}.`, body], codes)
  return verdict.ok ? checkTime(signed_at.value, clock) : verdict
}

/** A second `v1` while a secret is rolled; other schemes (`v0`) are not looked at. */
function parseSignature(header: string): Result<{ timestamp: string; codes: Uint8Array[] }, Refusal> {
  const parts = header.split(',').map((part) => part.split('=', 2))
  const valuesOf = (name: string) => parts.flatMap(([key, value = '']) => (key === name ? [value] : []))
  const [timestamp, ...more] = valuesOf('t')
  const codes = valuesOf('v1').map((code) => decodeSignature(code, 'hex'))
  if (timestamp === undefined || more.length > 0 || codes.length === 0) return refuse('malformed_signature')
  const decoded = codes.flatMap((code) => (code.ok ? [code.value] : []))
  return decoded.length === codes.length ? ok({ timestamp, codes: decoded }) : refuse('malformed_signature')
}
