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

/** Oldest first, one JSON object a line, in pages: however long the log is, memory stays small. */
export function exportEntries(deps: Deps, chain: string, filter: EntryFilter): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let after = 0
  return new ReadableStream({
    pull: async (controller) => {
      const rows = await readPage(deps, chain, filter, after)
      const text = rows.map((row) => `${JSON.stringify(toEntryJson(row))}\n`).join('')
      if (text !== '') controller.enqueue(encoder.encode(text))
      if (rows.length < EXPORT_PAGE) controller.close()
      after = rows.at(-1)?.seq ?? after
    },
  })
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
