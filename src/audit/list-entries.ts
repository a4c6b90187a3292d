import { and, asc, desc, eq, gt, gte, lt, type SQL } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { toPage } from '../http/paging.ts'
import { toEntryJson } from './contract.ts'
import { type AuditRow, auditLog } from './table.ts'

export interface EntryFilter {
  action?: string | undefined
  target?: string | undefined
  key_id?: string | undefined
  /** Unix milliseconds, inclusive. */
  since?: number | undefined
  /** Unix milliseconds, exclusive. */
  until?: number | undefined
}

const EXPORT_PAGE = 500

/** Newest first. */
export async function listEntries(
  { db }: Deps,
  chain: string,
  filter: EntryFilter,
  limit: number,
  after: number | undefined,
) {
  const rows = await db
    .select()
    .from(auditLog)
    .where(and(eq(auditLog.tenant_id, chain), fits(filter), after === undefined ? undefined : lt(auditLog.seq, after)))
    .orderBy(desc(auditLog.seq))
    .limit(limit + 1)
  return toPage(rows, limit, (row) => [row.seq])
}

/** Oldest first, read in pages: however long the log is, memory stays small. */
export async function* exportEntries(deps: Deps, chain: string, filter: EntryFilter) {
  for (let after: number | undefined = 0; after !== undefined; ) {
    const rows = await readPage(deps, chain, filter, after)
    yield* rows.map(toEntryJson)
    after = rows.length < EXPORT_PAGE ? undefined : rows.at(-1)?.seq
  }
}

function readPage({ db }: Deps, chain: string, filter: EntryFilter, after: number): Promise<AuditRow[]> {
  return db
    .select()
    .from(auditLog)
    .where(and(eq(auditLog.tenant_id, chain), gt(auditLog.seq, after), fits(filter)))
    .orderBy(asc(auditLog.seq))
    .limit(EXPORT_PAGE)
    .all()
}

function fits({ action, target, key_id, since, until }: EntryFilter): SQL | undefined {
  return and(
    action === undefined ? undefined : eq(auditLog.action, action),
    target === undefined ? undefined : eq(auditLog.target, target),
    key_id === undefined ? undefined : eq(auditLog.key_id, key_id),
    since === undefined ? undefined : gte(auditLog.at, since),
    until === undefined ? undefined : lt(auditLog.at, until),
  )
}
