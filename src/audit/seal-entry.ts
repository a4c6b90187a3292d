/**
 * What makes the log tamper-evident. Each entry has a hash over all that it says and over the hash of the one
 * before, and an HMAC of that under a key which the database does not have: whoever can write rows can neither
 * change an entry, nor remove one, nor add one. Only the end can be cut off, which checkpoints show.
 */
import { equalInConstantTime, fromBase64, sha256Hex, toBase64 } from '../lib/hash.ts'
import { deriveBytes, type Keyring } from '../lib/keyring.ts'
import { encodeUtf8 } from '../lib/utf8.ts'
import type { AuditRow } from './table.ts'

/** What the first entry of a chain has as the hash of the one before. */
const GENESIS = '0'.repeat(64)

const PURPOSE = 'postern audit entry'

/** An entry before it has its place sealed. */
export type UnsealedRow = Omit<AuditRow, 'hash' | 'mac'>

/** The end of a chain. */
export interface Head {
  seq: number
  hash: string
}

export const BEGINNING: Head = { seq: 0, hash: GENESIS }

/** Completes a row. */
export async function sealEntry(keyring: Keyring, row: UnsealedRow): Promise<AuditRow> {
  const hash = await hashOf(row)
  const key = await macKey(keyring, keyring.current)
  if (key === undefined) throw new Error('a parsed keyring holds its current key')
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, encodeUtf8(hash)))
  return { ...row, hash, mac: `${keyring.current}.${toBase64(mac)}` }
}

/** `unknown_key`: it was made under a master key that is gone; the first entry that holds vouches for those before it. */
export type Seal = 'holds' | 'unknown_key' | 'altered' | 'forged'

/** Whether an entry is as it was written, as far as can be told from it alone. */
export async function checkSeal(keyring: Keyring, { hash, mac, ...row }: AuditRow): Promise<Seal> {
  if (!equalInConstantTime(await hashOf(row), hash)) return 'altered'
  const dot = mac.indexOf('.')
  const bytes = fromBase64(mac.slice(dot + 1))
  if (dot < 0 || !bytes.ok) return 'forged'
  const key = await macKey(keyring, mac.slice(0, dot))
  if (key === undefined) return 'unknown_key'
  return (await crypto.subtle.verify('HMAC', key, bytes.value, encodeUtf8(hash))) ? 'holds' : 'forged'
}

/**
 * SHA-256 over the JSON array of an entry's members in this order, which never changes: it is what auditors
 * compute themselves (docs/audit-log.md).
 */
function hashOf(row: UnsealedRow): Promise<string> {
  const { tenant_id, seq, at, action, target, key_id, role, address, user_agent, request_id } = row
  const { before, after, prev_hash } = row
  const members = [tenant_id, seq, at, action, target, key_id, role, address, user_agent, request_id]
  return sha256Hex(JSON.stringify([...members, before, after, prev_hash]))
}

const mac_keys = new WeakMap<Keyring, Map<string, Promise<CryptoKey | undefined>>>()

function macKey(keyring: Keyring, key_id: string): Promise<CryptoKey | undefined> {
  let keys = mac_keys.get(keyring)
  if (keys === undefined) {
    keys = new Map()
    mac_keys.set(keyring, keys)
  }
  let key = keys.get(key_id)
  if (key === undefined) {
    key = importMacKey(keyring, key_id)
    // A row names the key, and whoever writes rows must not fill the memory.
    if (keyring.roots.has(key_id)) keys.set(key_id, key)
  }
  return key
}

async function importMacKey(keyring: Keyring, key_id: string): Promise<CryptoKey | undefined> {
  const bytes = await deriveBytes(keyring, key_id, PURPOSE)
  if (bytes === undefined) return undefined
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
}
