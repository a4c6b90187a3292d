import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'

export const eventTypes = sqliteTable(
  'event_types',
  {
    tenant_id: text().notNull(),
    name: text().notNull(),
    description: text().notNull(),
    created_at: integer().notNull(),
    updated_at: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenant_id, t.name] })],
)
