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
    /** JSON Pointers into `data`. */
    redact: text({ mode: 'json' }).$type<string[]>().notNull().default([]),
    /** How long content is kept after its delivery has ended; null for as long as the tenant keeps everything. */
    retention_days: integer(),
    /** Of messages that nobody subscribed to, content that was accepted before this has had its time. */
    expired_until: integer().notNull().default(0),
    created_at: integer().notNull(),
    updated_at: integer().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant_id, t.name] }),
    // The types that publishing has to know of: a catalogue that only describes costs its path nothing.
    index('event_types_checked')
      .on(t.tenant_id, t.name)
      .where(sql`schema_version > 0 OR deprecated_at IS NOT NULL OR archived_at IS NOT NULL`),
    // Those that every Endpoint is told of.
    index('event_types_retained').on(t.tenant_id, t.retention_days).where(sql`retention_days IS NOT NULL`),
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
