import { and, desc, eq, lt } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { toPage } from '../http/paging.ts'
import { sources } from './table.ts'

/** Newest first: ids are time-ordered. */
export async function listSources({ db }: Deps, tenant_id: string, limit: number, after: string | undefined) {
  const rows = await db
    .select()
    .from(sources)
    .where(and(eq(sources.tenant_id, tenant_id), after === undefined ? undefined : lt(sources.id, after)))
    .orderBy(desc(sources.id))
    .limit(limit + 1)
  return toPage(rows, limit, (row) => [row.id])
}
