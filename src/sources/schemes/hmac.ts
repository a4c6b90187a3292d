/** HMAC (RFC 2104), as most providers sign. */
// Of Node, which workerd has built in: unlike WebCrypto it takes a body in pieces, and 25 MiB are not copied to be signed.
import { createHmac } from 'node:crypto'
import { equalInConstantTime } from '../../lib/hash.ts'
import { ok } from '../../lib/result.ts'
import { refuse, type Verdict } from '../refusal.ts'

export type HmacAlgorithm = 'sha1' | 'sha256' | 'sha384' | 'sha512'

/**
 * The code of the parts, one after the other.
 * @param key a text stands for its UTF-8 bytes
 */
export function hmac(
  algorithm: HmacAlgorithm,
  key: string | Uint8Array,
  parts: readonly (string | Uint8Array)[],
): Uint8Array {
  const mac = createHmac(algorithm, key)
  for (const part of parts) mac.update(part)
  return mac.digest()
}

/**
 * Whether any of the keys makes any of the codes. Looks at all of them, whichever is right.
 * @param given as they were sent, decoded
 */
export function matchesAny(
  algorithm: HmacAlgorithm,
  keys: readonly (string | Uint8Array)[],
  parts: readonly (string | Uint8Array)[],
  given: readonly Uint8Array[],
): Verdict {
  let is_match = false
  for (const key of keys) {
    const expected = hmac(algorithm, key, parts)
    for (const code of given) is_match = equalInConstantTime(expected, code) || is_match
  }
  return is_match ? ok(undefined) : refuse('signature_mismatch')
}
