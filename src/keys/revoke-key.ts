import { and, sql } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import type { Problem } from '../http/problems.ts'
import { ok, type Result } from '../lib/result.ts'
import { type Actor, changeKey } from './change-key.ts'
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
      write: async (guard) => {
        const { meta } = await deps.db
          .update(apiKeys)
          .set({ revoked_at: sql`COALESCE(${apiKeys.revoked_at}, ${now})` })
          .where(and(isUnchanged(row), guard))
        return meta.changes > 0 ? ok(undefined) : undefined
      },
    }),
  )
}
