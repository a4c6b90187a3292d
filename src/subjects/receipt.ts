/** What proves an erasure later: a digest of what was erased, signed with a key that the database does not have. */
import { fromBase64, sha256Hex, toBase64 } from '../lib/hash.ts'
import { deriveBytes, type Keyring } from '../lib/keyring.ts'
import { encodeUtf8 } from '../lib/utf8.ts'
import type { ErasureRow } from './table.ts'

const PURPOSE = 'postern erasure receipt'

/** An erasure that is done. */
export type Completed = Omit<ErasureRow, 'completed_at'> & { completed_at: number }

/**
 * SHA-256 over the JSON array of these members in this order, which never changes: whoever keeps a receipt can compute
 * it (docs/data-protection.md).
 */
export function digestOf(row: Completed): Promise<string> {
  const { tenant_id, id, subject, requested_at, requested_by, completed_at } = row
  const { deliveries, unfinished_deliveries, attempts, unmatched_messages, dead_letters, payloads } = row
  const counts = [deliveries, unfinished_deliveries, attempts, unmatched_messages, dead_letters, payloads]
  return sha256Hex(JSON.stringify([tenant_id, id, subject, requested_at, requested_by, completed_at, ...counts]))
}

/** `{master key id}.{base64 of an HMAC-SHA256 over the digest}`. */
export async function signReceipt(keyring: Keyring, row: Completed): Promise<string> {
  const key = await macKey(keyring, keyring.current)
  if (key === null) throw new Error('a parsed keyring holds its current key')
  const mac = await crypto.subtle.sign('HMAC', key, encodeUtf8(await digestOf(row)))
  return `${keyring.current}.${toBase64(new Uint8Array(mac))}`
}

/** Whether a receipt is as it was signed; `unknown_key` when the master key of then is gone. */
export type Authenticity = 'authentic' | 'altered' | 'unknown_key'

export async function checkReceipt(keyring: Keyring, row: Completed): Promise<Authenticity> {
  const signature = row.signature ?? ''
  const dot = signature.indexOf('.')
  const mac = fromBase64(signature.slice(dot + 1))
  if (dot < 0 || !mac.ok) return 'altered'
  const key = await macKey(keyring, signature.slice(0, dot))
  if (key === null) return 'unknown_key'
  const holds = await crypto.subtle.verify('HMAC', key, mac.value, encodeUtf8(await digestOf(row)))
  return holds ? 'authentic' : 'altered'
}

async function macKey(keyring: Keyring, key_id: string): Promise<CryptoKey | null> {
  const bytes = await deriveBytes(keyring, key_id, PURPOSE)
  if (bytes === undefined) return null
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
}
