import { and, desc, eq, gte, lt, sql } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { toPage } from '../http/paging.ts'
import type { Problem } from '../http/problems.ts'
import { ok, type Result } from '../lib/result.ts'
import { findSource } from './find-source.ts'
import { minuteOf } from './gathered-failures.ts'
import { sourceFailures } from './table.ts'

export type FailureRow = typeof sourceFailures.$inferSelect

export interface FailureQuery {
  limit: number
  /** Minute, reason and address of the last row seen. */
  after: readonly [number, string, string] | null
  /** Unix milliseconds: the minute that this lies in, and later ones. */
  since: number | undefined
  /** Minutes that begin before this. */
  until: number | undefined
}

/** What a source did not believe, newest minute first. */
export async function listFailures(
  deps: Deps,
  tenant_id: string,
  source_id: string,
  { limit, after, since, until }: FailureQuery,
): Promise<Result<{ data: FailureRow[]; next_cursor: string | null }, Problem>> {
  const { minute, reason, address } = sourceFailures
  const rows = await deps.db
    .select()
    .from(sourceFailures)
    .where(
      and(
        eq(sourceFailures.tenant_id, tenant_id),
        eq(sourceFailures.source_id, source_id),
        since === undefined ? undefined : gte(minute, minuteOf(since)),
        until === undefined ? undefined : lt(minute, until),
        after === null ? undefined : sql`(${minute}, ${reason}, ${address}) < (${after[0]}, ${after[1]}, ${after[2]})`,
      ),
    )
    // Backwards through the primary key.
    .orderBy(desc(minute), desc(reason), desc(address))
    .limit(limit + 1)
  if (rows.length === 0) {
    const source = await findSource(deps, tenant_id, source_id)
    if (!source.ok) return source
  }
  return ok(toPage(rows, limit, (row) => [row.minute, row.reason, row.address]))
}
