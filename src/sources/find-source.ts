import { and, eq } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { type SourceRow, sources } from './table.ts'

const NO_SOURCE = problem('not_found', 'there is no such source')

/** A source of a tenant, as it is at this moment. */
export async function findSource({ db }: Deps, tenant_id: string, id: string): Promise<Result<SourceRow, Problem>> {
  const row = await db
    .select()
    .from(sources)
    .where(and(eq(sources.tenant_id, tenant_id), eq(sources.id, id)))
    .get()
  return row === undefined ? err(NO_SOURCE) : ok(row)
}
