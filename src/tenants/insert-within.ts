import { and, eq, getTableColumns, type SQL, sql } from 'drizzle-orm'
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core'
import type { Statement } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import { tenants } from './table.ts'

/** A table whose rows belong to tenants. */
type Owned = SQLiteTable & { tenant_id: SQLiteColumn }

/**
 * The statement that inserts a tenant's row while the tenant is there and has fewer than `limit` of them; it
 * inserts nothing for one of these reasons, or when the row exists. Checked and inserted as one statement:
 * two at once cannot both take the last place, and nothing outlives its tenant.
 * @param counted which rows count towards the limit; all of the tenant's unless said
 */
export function insertWithin<T extends Owned>(
  { db }: Pick<Deps, 'db'>,
  table: T,
  row: T['$inferSelect'] & { tenant_id: string | null },
  limit: number,
  counted?: SQL,
): Statement {
  const columns = Object.entries(getTableColumns(table))
  const values = columns.map(([name, column]) => sql.param((row as Record<string, unknown>)[name], column))
  const count = sql`(SELECT COUNT(*) FROM ${table} WHERE ${and(eq(table.tenant_id, row.tenant_id), counted)})`
  return db
    .insert(table)
    .select(
      sql`SELECT ${sql.join(values, sql`, `)} FROM ${tenants} WHERE ${tenants.id} = ${row.tenant_id} AND ${count} < ${limit}`,
    )
    .onConflictDoNothing()
}
