import { ok, type Result } from '../../lib/result.ts'
import type { InboundRequest } from '../provider.ts'
import { type Refusal, refuse, type Verdict } from '../refusal.ts'
import { decodeSignature, type Encoding } from './encoding.ts'
import { soleHeader } from './header.ts'
import { type HmacAlgorithm, matchesAny } from './hmac.ts'

/** How a provider writes the code of a body, and nothing but the body, into a header. */
export interface BodyHmac {
  /** In lower case. */
  header: string
  /** What stands before the code. */
  prefix?: string
  algorithm: HmacAlgorithm
  encoding: Encoding
}

/** Whether the header holds the code of the body under any of the keys. */
export function verifyBody(
  { headers, body }: InboundRequest,
  keys: readonly string[],
  { header, prefix = '', algorithm, encoding }: BodyHmac,
): Verdict {
  const value = soleHeader(headers, header)
  if (!value.ok) return value
  const written = withoutPrefix(value.value, prefix)
  if (!written.ok) return written
  const code = decodeSignature(written.value, encoding)
  return code.ok ? matchesAny(algorithm, keys, [body], [code.value]) : code
}

const OPEN_OBJECT = 0x7b

/**
 * {@link verifyBody} where every body is an object, for keys that also sign what others get to see: queries and tokens, which
 * begin otherwise. Sent as a body, each would be an event.
 */
export function verifyObject(request: InboundRequest, keys: readonly string[], scheme: BodyHmac): Verdict {
  const verdict = verifyBody(request, keys, scheme)
  return verdict.ok && request.body[0] !== OPEN_OBJECT ? refuse('wrong_recipient') : verdict
}

function withoutPrefix(text: string, prefix: string): Result<string, Refusal> {
  return text.startsWith(prefix) ? ok(text.slice(prefix.length)) : refuse('malformed_signature')
}
