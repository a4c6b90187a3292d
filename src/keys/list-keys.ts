import { and, desc, lt } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { toPage } from '../http/paging.ts'
import { type Owner, ownedBy } from './find-key.ts'
import { apiKeys } from './table.ts'

/** Newest first: ids are time-ordered. */
export async function listKeys({ db }: Deps, owner: Owner, limit: number, after: string | undefined) {
  const rows = await db
    .select()
    .from(apiKeys)
    .where(and(ownedBy(owner), after === undefined ? undefined : lt(apiKeys.id, after)))
    .orderBy(desc(apiKeys.id))
    .limit(limit + 1)
  return toPage(rows, limit, (row) => [row.id])
}
