/** Credentials that are shown as they are, and so prove who sent a request but nothing about what is in it. */
import { createHash } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import { equalInConstantTime } from '../../lib/hash.ts'
import { ok, type Result } from '../../lib/result.ts'
import { type Refusal, refuse, type Verdict } from '../refusal.ts'
import { soleHeader } from './header.ts'

/** A token as its owner has it: what fits into a header, and is long enough not to be guessed. */
export const sharedToken = z
  .string()
  .regex(/^[\x21-\x7e]{16,512}$/, 'must be 16 to 512 visible characters of ASCII, without spaces')

/**
 * What stands behind the name of a scheme (RFC 9110, section 11.4), which may be written in either case.
 * @param header in lower case
 * @param scheme in lower case
 */
export function schemeValue(headers: Headers, header: string, scheme: string): Result<string, Refusal> {
  const value = soleHeader(headers, header)
  if (!value.ok) return value
  const [name = '', credentials = '', ...more] = value.value.split(' ')
  const is_right = name.toLowerCase() === scheme && credentials !== '' && more.length === 0
  return is_right ? ok(credentials) : refuse('malformed_signature')
}

/**
 * Whether what was shown is any of what is known. Looks at all of them, whichever is right, and at their hashes, so that
 * not even their lengths show.
 */
export function isKnownSecret(shown: string | Uint8Array, known: readonly string[]): boolean {
  const hash = hashOf(shown)
  let is_known = false
  for (const secret of known) is_known = equalInConstantTime(hash, hashOf(secret)) || is_known
  return is_known
}

/** The same as a verdict. */
export function checkSecret(shown: string | Uint8Array, known: readonly string[]): Verdict {
  return isKnownSecret(shown, known) ? ok(undefined) : refuse('wrong_credentials')
}

function hashOf(secret: string | Uint8Array): Uint8Array {
  return createHash('sha256').update(secret).digest()
}
