/** The scheme that Slack named `v0`: HMAC-SHA256 of `v0:{timestamp}:{body}`, in hexadecimal, with the time in a header of its own. */
import type { InboundRequest } from '../provider.ts'
import { refuse, type Verdict } from '../refusal.ts'
import { decodeSignature } from './encoding.ts'
import { soleHeader } from './header.ts'
import { matchesAny } from './hmac.ts'
import { checkTime, parseUnix } from './timestamp.ts'

const PREFIX = 'v0='

/** @param names of the headers, in lower case */
export function verifyV0(
  { headers, body }: InboundRequest,
  names: { signature: string; timestamp: string },
  secrets: readonly string[],
  clock: { now: number; tolerance_ms: number },
): Verdict {
  const signature = soleHeader(headers, names.signature)
  if (!signature.ok) return signature
  const timestamp = soleHeader(headers, names.timestamp)
  if (!timestamp.ok) return timestamp
  if (!signature.value.startsWith(PREFIX)) return refuse('malformed_signature')
  const code = decodeSignature(signature.value.slice(PREFIX.length), 'hex')
  if (!code.ok) return code
  const signed_at = parseUnix(timestamp.value, 's')
  if (!signed_at.ok) return signed_at
  const verdict = matchesAny('sha256', secrets, [`v0:${timestamp.value}:`, body], [code.value])
  return verdict.ok ? checkTime(signed_at.value, clock) : verdict
}
