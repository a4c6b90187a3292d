import type { Permission, Role } from '../http/permissions.ts'
import { sha256Hex } from '../lib/hash.ts'
import { createId, type RandomBytes } from '../lib/ids.ts'
import { createApiKey, hintOf, type KeyMode } from './api-key.ts'
import type { KeyRow } from './table.ts'

export interface NewKey {
  name: string
  role: Role
  mode: KeyMode
  /** Unix milliseconds. */
  expires_at?: number | undefined
  scopes?: Permission[] | null
  ip_allowlist?: string[] | null
  /** Whose one-time codes it takes; its own unless it replaces another. */
  enrolment_of?: string | null
}

/**
 * A new key and the row that stands for it. Only the hash is in the row: `key` is the one place where the key is.
 * @param tenant_id null for an operator's
 */
export async function makeKey(
  tenant_id: string | null,
  { name, role, mode, expires_at, scopes = null, ip_allowlist = null, enrolment_of = null }: NewKey,
  now: number,
  random: RandomBytes,
): Promise<{ row: KeyRow; key: string }> {
  const key = await createApiKey(mode, random)
  const row: KeyRow = {
    id: createId('key', now, random),
    tenant_id,
    role,
    name,
    hash: await sha256Hex(key),
    hint: hintOf(key),
    created_at: now,
    expires_at: expires_at ?? null,
    revoked_at: null,
    scopes,
    ip_allowlist,
    last_used_at: null,
    replaced_by: null,
    enrolment_of,
  }
  return { row, key }
}
