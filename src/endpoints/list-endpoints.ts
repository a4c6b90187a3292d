import { and, desc, eq, lt } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { toPage } from '../http/paging.ts'
import { endpoints } from './table.ts'

/** Newest first: ids are time-ordered. */
export async function listEndpoints({ db }: Deps, tenant_id: string, limit: number, after: string | undefined) {
  const rows = await db
    .select()
    .from(endpoints)
    .where(and(eq(endpoints.tenant_id, tenant_id), after === undefined ? undefined : lt(endpoints.id, after)))
    .orderBy(desc(endpoints.id))
    .limit(limit + 1)
  return toPage(rows, limit, (row) => [row.id])
}
