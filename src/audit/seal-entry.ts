/**
 * What makes the log tamper-evident. Each entry has a hash over all that it says and over the hash of the one
 * before, and an HMAC of that under a key which the database does not have: whoever can write rows can neither
 * change an entry, nor remove one, nor add one. Only the end can be cut off, which checkpoints show.
 */
import { equalInConstantTime, sha256Hex } from '../lib/hash.ts'
import type { Keyring } from '../lib/keyring.ts'
import { checkMac, type MacCheck, signText } from '../lib/mac.ts'
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
  return { ...row, hash, mac: await signText(keyring, PURPOSE, hash) }
}

/** `unknown_key`: it was made under a master key that is gone; the first entry that holds vouches for those before it. */
export type Seal = MacCheck | 'altered'

/** Whether an entry is as it was written, as far as can be told from it alone. */
export async function checkSeal(keyring: Keyring, { hash, mac, ...row }: AuditRow): Promise<Seal> {
  if (!equalInConstantTime(await hashOf(row), hash)) return 'altered'
  return checkMac(keyring, PURPOSE, hash, mac)
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
