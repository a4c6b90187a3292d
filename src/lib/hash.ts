/** Hashes, comparisons that leak nothing, and the text forms of bytes. WebCrypto only: runs on workerd and in Node. */
import { err, ok, type Result } from './result.ts'
import { encodeUtf8 } from './utf8.ts'

/** SHA-256 of bytes, or of a text as UTF-8: 32 bytes. */
export async function sha256(data: string | Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', toBytes(data)))
}

/** {@link sha256} as 64 lower-case hexadecimal digits. */
export async function sha256Hex(data: string | Uint8Array): Promise<string> {
  return toHex(await sha256(data))
}

/**
 * Compares without telling by its duration where the first difference is. Whether the lengths
 * differ does show, so compare secrets of a known length, or their hashes.
 */
export function equalInConstantTime(a: string | Uint8Array, b: string | Uint8Array): boolean {
  const [left, right] = [toBytes(a), toBytes(b)]
  if (left.length !== right.length) return false
  let difference = 0
  for (let i = 0; i < left.length; i++) difference |= (left[i] ?? 0) ^ (right[i] ?? 0)
  return difference === 0
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Two lower-case hexadecimal digits a byte. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte]
  return text
}

const HEX_TEXT = /^([0-9a-fA-F]{2})*$/

/** Reads hexadecimal digits of either case, two a byte; anything else is refused. */
export function fromHex(text: string): Result<Uint8Array, 'not_hex'> {
  if (!HEX_TEXT.test(text)) return err('not_hex')
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  return ok(bytes)
}

/** Base64 with padding (RFC 4648, section 4). */
export function toBase64(bytes: Uint8Array): string {
  // In pieces: a call takes only so many arguments.
  let text = ''
  for (let from = 0; from < bytes.length; from += 8192)
    text += String.fromCharCode(...bytes.subarray(from, from + 8192))
  return btoa(text)
}

// `atob` alone also takes white space and missing padding, which stricter readers of the same text do not.
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

/** Reads base64 with padding; anything else is refused. */
export function fromBase64(text: string): Result<Uint8Array, 'not_base64'> {
  if (text.length % 4 !== 0 || !BASE64.test(text)) return err('not_base64')
  try {
    const characters = atob(text)
    const bytes = new Uint8Array(characters.length)
    for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i)
    return ok(bytes)
  } catch {
    return err('not_base64')
  }
}

function toBytes(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? encodeUtf8(data) : data
}
