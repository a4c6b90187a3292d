import { and } from 'drizzle-orm'
import { changeOf } from '../audit/entry.ts'
import type { Deps } from '../deps.ts'
import type { Problem } from '../http/problems.ts'
import { ok, type Result } from '../lib/result.ts'
import { type Actor, changeKey } from './change-key.ts'
import { toAuditedKey } from './contract.ts'
import { isUnchanged, type Owner } from './find-key.ts'
import { apiKeys } from './table.ts'

/** Revoking twice is no error: the key keeps the time of the first. */
export async function revokeKey(
  deps: Deps,
  owner: Owner,
  key_id: string,
  actor: Actor,
): Promise<Result<void, Problem>> {
  return changeKey(deps, owner, key_id, actor, (row, now) =>
    ok({
      is_ending: true,
      write: async (trail, guard) => {
        const after = { ...row, revoked_at: row.revoked_at ?? now }
        const decisive = deps.db
          .update(apiKeys)
          .set({ revoked_at: after.revoked_at })
          .where(and(isUnchanged(row), guard))
        const what = changeOf(toAuditedKey(row), toAuditedKey(after))
        const is_written = await trail.commit({ action: 'key.revoke', target: row.id, ...what }, { decisive })
        return is_written ? ok(undefined) : undefined
      },
    }),
  )
}
