import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { AttemptError, DeliveryState } from '../../durable-objects/endpoint/rpc.ts'

/**
 * Read model, written in batches by Endpoints and rebuildable from them. `delivering` and `parked`
 * are never stored here: they follow from the Endpoint's present condition.
 *
 * The migration makes this table WITHOUT ROWID, which drizzle-kit cannot say: one row written per upsert.
 */
export const deliveries = sqliteTable(
  'deliveries',
  {
    tenant_id: text().notNull(),
    accepted_at: integer().notNull(),
    message_id: text().notNull(),
    endpoint_id: text().notNull(),
    event_type: text().notNull(),
    state: text().$type<DeliveryState>().notNull(),
    reason: text(),
    ordering_key: text(),
    /** Hash; null when nobody said, and once it is erased. */
    subject: text(),
    erased_at: integer(),
    attempts: integer().notNull(),
    last_status: integer(),
    last_error: text().$type<AttemptError>(),
    next_attempt_at: integer(),
    finished_at: integer(),
    updated_at: integer().notNull(),
    /** Grows with every change inside the Endpoint, so that a late flush never overwrites a newer one. */
    revision: integer().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant_id, t.accepted_at, t.message_id, t.endpoint_id] }),
    // A time-ordered id holds its accepted_at, which is enough for the primary key; a keyed id does not.
    index('deliveries_keyed').on(t.tenant_id, t.message_id).where(sql`message_id >= 'msg_Z'`),
    index('deliveries_unsuccessful')
      .on(t.tenant_id, t.state, t.accepted_at)
      .where(sql`state <> 'succeeded' AND state <> 'pending'`),
    index('deliveries_subject').on(t.tenant_id, t.subject, t.accepted_at).where(sql`subject IS NOT NULL`),
  ],
)
