import { and, eq, sql } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { forgetKey } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { apiKeys } from './table.ts'

/** Revoking twice is no error: the key keeps the time of the first. */
export async function revokeKey({ db, now }: Deps, tenant_id: string, key_id: string): Promise<Result<void, Problem>> {
  const row = await db
    .update(apiKeys)
    .set({ revoked_at: sql`COALESCE(${apiKeys.revoked_at}, ${now()})` })
    .where(and(eq(apiKeys.tenant_id, tenant_id), eq(apiKeys.id, key_id)))
    .returning({ hash: apiKeys.hash })
    .get()
  if (row === undefined) return err(problem('not_found', 'there is no such API key'))
  forgetKey(row.hash)
  return ok(undefined)
}
