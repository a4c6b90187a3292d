import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'

/** How far a job that goes round and round has come, so that a run goes on where the one before it was cut off. WITHOUT ROWID in the migration. */
export const upkeep = sqliteTable('upkeep', {
  job: text().primaryKey(),
  progress: text({ mode: 'json' }).$type<unknown>().notNull(),
  updated_at: integer().notNull(),
})
