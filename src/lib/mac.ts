/** Texts that are signed for ourselves: an HMAC-SHA256 under a key that is derived from a master key and kept nowhere. */
import { fromBase64, toBase64 } from './hash.ts'
import { deriveBytes, type Keyring } from './keyring.ts'
import { encodeUtf8 } from './utf8.ts'

/**
 * Signs under the current master key: `{key id}.{base64 of the HMAC}`.
 * @param purpose what the text is: a signature for another one does not hold
 */
export async function signText(keyring: Keyring, purpose: string, text: string): Promise<string> {
  const key = await macKey(keyring, keyring.current, purpose)
  if (key === undefined) throw new Error('a parsed keyring holds its current key')
  const mac = await crypto.subtle.sign('HMAC', key, encodeUtf8(text))
  return `${keyring.current}.${toBase64(new Uint8Array(mac))}`
}

/** `unknown_key`: it names a master key that is not there, so nobody can tell. */
export type MacCheck = 'holds' | 'unknown_key' | 'forged'

/** Whether {@link signText} has made this of the text, for the same purpose. */
export async function checkMac(keyring: Keyring, purpose: string, text: string, mac: string): Promise<MacCheck> {
  const dot = mac.indexOf('.')
  const bytes = fromBase64(mac.slice(dot + 1))
  if (dot < 0 || !bytes.ok) return 'forged'
  const key = await macKey(keyring, mac.slice(0, dot), purpose)
  if (key === undefined) return 'unknown_key'
  return (await crypto.subtle.verify('HMAC', key, bytes.value, encodeUtf8(text))) ? 'holds' : 'forged'
}

/** Only of keys that are there: what is checked names them, and must not fill the memory. */
const derived = new WeakMap<Keyring, Map<string, CryptoKey>>()

async function macKey(keyring: Keyring, key_id: string, purpose: string): Promise<CryptoKey | undefined> {
  const keys = derived.get(keyring) ?? new Map<string, CryptoKey>()
  derived.set(keyring, keys)
  const name = `${purpose}\n${key_id}`
  const known = keys.get(name)
  if (known !== undefined) return known
  const bytes = await deriveBytes(keyring, key_id, purpose)
  if (bytes === undefined) return undefined
  const key = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
  keys.set(name, key)
  return key
}
