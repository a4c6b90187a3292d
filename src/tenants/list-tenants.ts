import { and, desc, eq, lt, ne, or } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { toPage } from '../http/paging.ts'
import { CANARY_TENANT } from '../lib/reserved-tenant.ts'
import { tenants } from './table.ts'

/** Newest first, without the one that is Postern's own. */
export async function listTenants({ db }: Deps, limit: number, after: [number, string] | null) {
  const [created_at, id] = after ?? []
  const isAfter =
    created_at === undefined || id === undefined
      ? undefined
      : or(lt(tenants.created_at, created_at), and(eq(tenants.created_at, created_at), lt(tenants.id, id)))
  const rows = await db
    .select()
    .from(tenants)
    .where(and(ne(tenants.id, CANARY_TENANT), isAfter))
    .orderBy(desc(tenants.created_at), desc(tenants.id))
    .limit(limit + 1)
  return toPage(rows, limit, (row) => [row.created_at, row.id])
}
