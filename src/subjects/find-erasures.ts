import { and, desc, eq, lt } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { toPage } from '../http/paging.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { type ErasureRow, erasures } from './table.ts'

export async function getErasure({ db }: Deps, tenant_id: string, id: string): Promise<Result<ErasureRow, Problem>> {
  const row = await db
    .select()
    .from(erasures)
    .where(and(eq(erasures.tenant_id, tenant_id), eq(erasures.id, id)))
    .get()
  return row === undefined ? err(problem('not_found', 'there is no such erasure')) : ok(row)
}

/** Newest first: ids are time-ordered. */
export async function listErasures({ db }: Deps, tenant_id: string, limit: number, after: string | undefined) {
  const rows = await db
    .select()
    .from(erasures)
    .where(and(eq(erasures.tenant_id, tenant_id), after === undefined ? undefined : lt(erasures.id, after)))
    .orderBy(desc(erasures.id))
    .limit(limit + 1)
  return toPage(rows, limit, (row) => [row.id])
}
