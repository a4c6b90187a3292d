/**
 * When a tenant could no longer help itself: with no key left that can make another. The condition is part
 * of the statement that would bring this about, so two admins who revoke each other cannot both succeed.
 */
import { type SQL, sql } from 'drizzle-orm'
import type { Grant } from '../http/permissions.ts'
import { isPermitted } from '../http/permissions.ts'
import { type Problem, problem } from '../http/problems.ts'
import { apiKeys, type KeyRow } from './table.ts'

export const LOCKOUT: Problem = problem(
  'last_admin_key',
  'no other admin key of this tenant can make keys: make one first, or repeat with ?confirm=true',
)

/** Whether this key, now, keeps its tenant from being locked out. One that has been replaced is on its way out. */
export function isMainstay(
  row: Pick<KeyRow, 'revoked_at' | 'expires_at' | 'replaced_by'> & Grant,
  now: number,
): boolean {
  const is_alive = row.revoked_at === null && (row.expires_at === null || row.expires_at > now)
  return is_alive && row.replaced_by === null && isPermitted(row, 'key.create')
}

/** Holds while the tenant has another such key. */
export function hasOtherMainstay({ tenant_id, id }: KeyRow, now: number): SQL {
  return sql`EXISTS (SELECT 1 FROM ${apiKeys} AS other WHERE other.tenant_id = ${tenant_id} AND other.id <> ${id}
    AND other.role = 'admin' AND other.revoked_at IS NULL AND (other.expires_at IS NULL OR other.expires_at > ${now})
    AND other.replaced_by IS NULL AND (other.scopes IS NULL
      OR EXISTS (SELECT 1 FROM json_each(other.scopes) WHERE value = 'key.create')))`
}
