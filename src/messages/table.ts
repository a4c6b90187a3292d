import { sql } from 'drizzle-orm'
import { blob, index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'

/** Messages that no endpoint subscribed to: accepted and listed, with nothing to deliver. WITHOUT ROWID in the migration. */
export const unmatchedMessages = sqliteTable(
  'unmatched_messages',
  {
    tenant_id: text().notNull(),
    accepted_at: integer().notNull(),
    id: text().notNull(),
    event_type: text().notNull(),
    content_type: text().notNull(),
    format: text().$type<'event' | 'raw'>().notNull(),
    channels: text({ mode: 'json' }).$type<string[]>().notNull(),
    ordering_key: text(),
    /** To forward, of a message that came through a source. */
    headers: text({ mode: 'json' }).$type<Record<string, string>>().notNull().default({}),
    /** The paused source that it came through, and waits for: nobody was asked yet whether they want it. */
    parked_by: text(),
    /** Hash; null when nobody said, and once it is erased. */
    subject: text(),
    erased_at: integer(),
    fingerprint: text().notNull(),
    /** Null when the payload is in R2. */
    payload: blob({ mode: 'buffer' }),
    r2_key: text(),
    size_bytes: integer().notNull(),
    /** When the retention of its type took the payload. The row stays, because it is what knows the id. */
    expired_at: integer(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant_id, t.accepted_at, t.id] }),
    index('unmatched_messages_keyed').on(t.tenant_id, t.id).where(sql`id >= 'msg_Z'`),
    index('unmatched_messages_parked').on(t.tenant_id, t.parked_by, t.accepted_at).where(sql`parked_by IS NOT NULL`),
    index('unmatched_messages_subject').on(t.tenant_id, t.subject, t.accepted_at).where(sql`subject IS NOT NULL`),
  ],
)
