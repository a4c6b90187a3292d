import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { DisabledReason, Ordering, SealedSecret, StoredHeaders } from '../../durable-objects/endpoint/rpc.ts'
import { type Layout, ONE_LANE } from './lanes.ts'

export const endpoints = sqliteTable(
  'endpoints',
  {
    tenant_id: text().notNull(),
    id: text().notNull(),
    /** Grows with every change, so that an Endpoint knows when its copy is old. */
    version: integer().notNull(),
    url: text().notNull(),
    description: text().notNull(),
    /** Null while enabled. */
    disabled: text().$type<DisabledReason>(),
    disabled_at: integer(),
    /** When somebody last enabled it: a disabling of before that is over. */
    enabled_at: integer(),
    /** Whoever enabled it wanted what was parked and accepted before this to be cancelled. */
    cancel_before: integer(),
    /** Globs: `invoice.*`, `*`. */
    event_types: text({ mode: 'json' }).$type<string[]>().notNull(),
    /** Null takes messages of every channel. */
    channels: text({ mode: 'json' }).$type<string[]>(),
    headers: text({ mode: 'json' }).$type<StoredHeaders>().notNull(),
    timeout_ms: integer().notNull(),
    retry_delays_s: text({ mode: 'json' }).$type<number[]>().notNull(),
    max_in_flight: integer().notNull(),
    rate_limit_per_s: integer(),
    ordering: text().$type<Ordering>().notNull(),
    layout: text({ mode: 'json' }).$type<Layout>().notNull().default(ONE_LANE),
    filter: text(),
    transform: text(),
    secrets: text({ mode: 'json' }).$type<SealedSecret[]>().notNull(),
    created_at: integer().notNull(),
    updated_at: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenant_id, t.id] })],
)
