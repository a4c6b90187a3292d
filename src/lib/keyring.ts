/** Secrets at rest: AES-256-GCM under a ring of master keys, so that a key can be replaced while the old one still decrypts. */
import { fromBase64, toBase64 } from './hash.ts'
import { err, ok, type Result } from './result.ts'
import { encodeUtf8 } from './utf8.ts'

const KEY_BYTES = 32
/** What GCM is made for (NIST SP 800-38D, section 8.2.2): random, and safe for 2^32 secrets under one key. */
const IV_BYTES = 12
const TAG_BYTES = 16

export interface Keyring {
  /** The id of the key that encrypts. */
  readonly current: string
  /** Each is imported once, when the ring is parsed. */
  readonly keys: ReadonlyMap<string, Promise<CryptoKey>>
  /** The same, to derive other keys from. */
  readonly roots: ReadonlyMap<string, Promise<CryptoKey>>
}

/**
 * Parses `id:base64,id:base64`: 32 bytes each; the first encrypts, all decrypt.
 * An error names a key by its place in the list, because anything it quoted could be key material.
 */
export function parseKeyring(text: string): Result<Keyring, string> {
  const keys = new Map<string, Promise<CryptoKey>>()
  const roots = new Map<string, Promise<CryptoKey>>()
  for (const [i, entry] of text.split(',').entries()) {
    const match = /^([A-Za-z0-9_-]{1,32}):(\S+)$/.exec(entry.trim())
    if (match === null) return err(`master key ${i + 1} is not written as "id:base64"`)
    const [, id = '', base64 = ''] = match
    const bytes = fromBase64(base64)
    if (!bytes.ok) return err(`master key ${i + 1} is not base64`)
    if (bytes.value.length !== KEY_BYTES)
      return err(`master key ${i + 1} has ${bytes.value.length} bytes, not ${KEY_BYTES}`)
    if (keys.has(id)) return err(`master key ${i + 1} has the id of one before it`)
    keys.set(id, crypto.subtle.importKey('raw', bytes.value, 'AES-GCM', false, ['encrypt', 'decrypt']))
    roots.set(id, crypto.subtle.importKey('raw', bytes.value, 'HKDF', false, ['deriveBits']))
  }
  const [current = ''] = keys.keys()
  return ok({ current, keys, roots })
}

/**
 * Derives 32 bytes from a master key (RFC 5869), so that what is signed and what is encrypted share no key.
 * Undefined when the ring does not have it.
 * @param purpose what they are for: another one gives other bytes
 */
export async function deriveBytes(keyring: Keyring, key_id: string, purpose: string): Promise<Uint8Array | undefined> {
  const root = await keyring.roots.get(key_id)
  if (root === undefined) return undefined
  const parameters = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: encodeUtf8(purpose) }
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, root, KEY_BYTES * 8))
}

/**
 * Encrypts under the current key: `{key id}.{base64 of iv and ciphertext}`.
 * @param context associated data: unsealing needs the same, so that a sealed text cannot be moved elsewhere
 */
export async function seal(keyring: Keyring, plaintext: string, context: string): Promise<string> {
  const key = await keyring.keys.get(keyring.current)
  if (key === undefined) throw new Error('a parsed keyring holds its current key')
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES))
  const ciphertext = await crypto.subtle.encrypt(parameters(iv, context), key, encodeUtf8(plaintext))
  const sealed = new Uint8Array(IV_BYTES + ciphertext.byteLength)
  sealed.set(iv)
  sealed.set(new Uint8Array(ciphertext), IV_BYTES)
  return `${keyring.current}.${toBase64(sealed)}`
}

/** `not_authentic`: altered, sealed under another key of the same id, or sealed for another context. */
export type UnsealError = 'malformed' | 'unknown_key' | 'not_authentic'

/** Decrypts what {@link seal} made with any key of the ring. */
export async function unseal(keyring: Keyring, sealed: string, context: string): Promise<Result<string, UnsealError>> {
  const dot = sealed.indexOf('.')
  const bytes = fromBase64(sealed.slice(dot + 1))
  if (dot < 0 || !bytes.ok || bytes.value.length < IV_BYTES + TAG_BYTES) return err('malformed')
  const key = await keyring.keys.get(sealed.slice(0, dot))
  if (key === undefined) return err('unknown_key')
  try {
    const iv = bytes.value.slice(0, IV_BYTES)
    const plaintext = await crypto.subtle.decrypt(parameters(iv, context), key, bytes.value.slice(IV_BYTES))
    return ok(new TextDecoder('utf-8', { fatal: false, ignoreBOM: true }).decode(plaintext))
  } catch {
    return err('not_authentic')
  }
}

function parameters(iv: Uint8Array, context: string) {
  return { name: 'AES-GCM', iv, additionalData: encodeUtf8(context) }
}
