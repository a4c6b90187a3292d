import { and, eq, isNull, type SQL, sql } from 'drizzle-orm'
import { OPERATOR_CHAIN } from '../audit/entry.ts'
import type { Deps } from '../deps.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { apiKeys, type KeyRow } from './table.ts'

/** Whose keys: a tenant's id, or null for the operators'. */
export type Owner = string | null

/** The audit log in which changes of these keys are. */
export function chainOf(owner: Owner): string {
  return owner ?? OPERATOR_CHAIN
}

export function ownedBy(owner: Owner): SQL {
  return owner === null ? isNull(apiKeys.tenant_id) : eq(apiKeys.tenant_id, owner)
}

export async function findKey(
  { db }: Pick<Deps, 'db'>,
  owner: Owner,
  key_id: string,
): Promise<Result<KeyRow, Problem>> {
  const row = await db
    .select()
    .from(apiKeys)
    .where(and(ownedBy(owner), eq(apiKeys.id, key_id)))
    .get()
  return row === undefined ? err(problem('not_found', 'there is no such API key')) : ok(row)
}

/** Holds while nobody has changed what a decision about this key was based on. */
export function isUnchanged(row: KeyRow): SQL | undefined {
  const decisive = ['name', 'scopes', 'ip_allowlist', 'expires_at', 'revoked_at', 'replaced_by'] as const
  const same = decisive.map((name) => sql`${apiKeys[name]} IS ${sql.param(row[name], apiKeys[name])}`)
  return and(eq(apiKeys.id, row.id), ...same)
}
