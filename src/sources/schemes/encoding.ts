import { fromBase64, fromHex } from '../../lib/hash.ts'
import { ok, type Result } from '../../lib/result.ts'
import { type Refusal, refuse } from '../refusal.ts'

export type Encoding = 'hex' | 'base64' | 'base64url'

/** The bytes of a signature as it was written. */
export function decodeSignature(text: string, encoding: Encoding): Result<Uint8Array, Refusal> {
  const bytes = encoding === 'hex' ? fromHex(text) : fromBase64(encoding === 'base64' ? text : toStandard(text))
  return bytes.ok && bytes.value.length > 0 ? ok(bytes.value) : refuse('malformed_signature')
}

/** Base64url (RFC 4648, section 5), with or without padding, in the other alphabet and with it. */
function toStandard(text: string): string {
  const bare = text.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/')
  return bare.padEnd(Math.ceil(bare.length / 4) * 4, '=')
}
