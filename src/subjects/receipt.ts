/** What proves an erasure later: a digest of what was erased, signed with a key that the database does not have. */
import { sha256Hex } from '../lib/hash.ts'
import type { Keyring } from '../lib/keyring.ts'
import { checkMac, type MacCheck, signText } from '../lib/mac.ts'
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

export async function signReceipt(keyring: Keyring, row: Completed): Promise<string> {
  return signText(keyring, PURPOSE, await digestOf(row))
}

/** Whether a receipt is as it was signed; `unknown_key` when the master key of then is gone. */
export type Authenticity = 'authentic' | 'altered' | 'unknown_key'

const AUTHENTICITY: Record<MacCheck, Authenticity> = {
  holds: 'authentic',
  forged: 'altered',
  unknown_key: 'unknown_key',
}

export async function checkReceipt(keyring: Keyring, row: Completed): Promise<Authenticity> {
  const check = await checkMac(keyring, PURPOSE, await digestOf(row), row.signature ?? '')
  return AUTHENTICITY[check]
}
