import { and, desc, eq, lt } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { toPage } from '../http/paging.ts'
import { apiKeys } from './table.ts'

/** Newest first: ids are time-ordered. */
export async function listKeys({ db }: Deps, tenant_id: string, limit: number, after: string | undefined) {
  const rows = await db
    .select()
    .from(apiKeys)
    .where(and(eq(apiKeys.tenant_id, tenant_id), after === undefined ? undefined : lt(apiKeys.id, after)))
    .orderBy(desc(apiKeys.id))
    .limit(limit + 1)
  return toPage(rows, limit, (row) => [row.id])
}
