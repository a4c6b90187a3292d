import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'

export const eventTypes = sqliteTable(
  'event_types',
  {
    tenant_id: text().notNull(),
    name: text().notNull(),
    description: text().notNull(),
    /** The newest version of its schema; 0 before it has had one. Only grows. */
    schema_version: integer().notNull().default(0),
    /** JSON. */
    example: text(),
    deprecated_at: integer(),
    archived_at: integer(),
    created_at: integer().notNull(),
    updated_at: integer().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant_id, t.name] }),
    // The types that publishing has to know of: a catalogue that only describes costs its path nothing.
    index('event_types_checked')
      .on(t.tenant_id, t.name)
      .where(sql`schema_version > 0 OR deprecated_at IS NOT NULL OR archived_at IS NOT NULL`),
  ],
)

/** The versions of each type's schema. */
export const eventTypeSchemas = sqliteTable(
  'event_type_schemas',
  {
    tenant_id: text().notNull(),
    name: text().notNull(),
    version: integer().notNull(),
    /** JSON; null for a version that demands nothing. */
    schema: text(),
    created_at: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenant_id, t.name, t.version] })],
)
