import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'

/**
 * Both kinds of dead letter, never mixed in a query: `exhausted` (the tenant's: a delivery that used
 * up its retries; its id is the delivery's) and `internal` (the operator's: a queue message that
 * Postern could not process, kept with its raw body).
 */
export const deadLetters = sqliteTable(
  'dead_letters',
  {
    /** Empty for an internal one whose tenant cannot be read. */
    tenant_id: text().notNull(),
    id: text().notNull(),
    cause: text().$type<'exhausted' | 'internal'>().notNull(),
    endpoint_id: text(),
    message_id: text(),
    event_type: text(),
    accepted_at: integer(),
    died_at: integer().notNull(),
    attempts: integer(),
    last_status: integer(),
    last_error: text(),
    /** internal: the queue it came from, the raw body as JSON, and what went wrong. */
    queue: text(),
    body: text(),
    error: text(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant_id, t.id] }),
    index('dead_letters_recent').on(t.tenant_id, t.cause, t.died_at, t.id),
    index('dead_letters_internal').on(t.cause, t.died_at, t.id),
  ],
)
