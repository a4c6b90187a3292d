import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import type { ProviderName } from './providers.ts'
import type { Refusal } from './refusal.ts'

/** Credentials as stored: their JSON encrypted under a master key, with tenant and source as associated data. */
export interface SealedCredentials {
  sealed: string
  created_at: number
  /** When they stop being good; null for the current ones. */
  expires_at: number | null
}

/** What a source answers instead of what its provider expects. */
export interface OwnAnswer {
  status: number
  content_type: string
  body: string
}

export const sources = sqliteTable(
  'sources',
  {
    tenant_id: text().notNull(),
    id: text().notNull(),
    name: text().notNull(),
    provider: text().$type<ProviderName>().notNull(),
    /** As the provider's schema has them. */
    settings: text({ mode: 'json' }).$type<Record<string, unknown>>().notNull(),
    /** The current ones first. Empty until somebody gives some. */
    credentials: text({ mode: 'json' }).$type<SealedCredentials[]>().notNull(),
    /** How far the time of signing may lie from ours. */
    tolerance_s: integer().notNull(),
    ip_allowlist: text({ mode: 'json' }).$type<string[]>(),
    rate_limit_per_s: integer(),
    body_bytes_max: integer().notNull(),
    answer: text({ mode: 'json' }).$type<OwnAnswer>(),
    /** What its event types begin with. */
    event_type_prefix: text().notNull(),
    /** Of its messages. */
    channels: text({ mode: 'json' }).$type<string[]>().notNull(),
    /** What the provider calls, where a proxy before Postern makes another URL of it. */
    public_url: text(),
    /** Null unless it is paused. */
    paused_at: integer(),
    /** When its owner was last told that verifying fails. */
    failing_told_at: integer(),
    created_at: integer().notNull(),
    updated_at: integer().notNull(),
  },
  // A request to a source names nothing but its id.
  (t) => [primaryKey({ columns: [t.tenant_id, t.id] }), uniqueIndex('sources_id').on(t.id)],
)

/** Requests that were not believed, those of a minute that look the same together. */
export const sourceFailures = sqliteTable(
  'source_failures',
  {
    tenant_id: text().notNull(),
    source_id: text().notNull(),
    /** Unix milliseconds at its beginning. */
    minute: integer().notNull(),
    reason: text().$type<Refusal>().notNull(),
    /** Empty when it is not known. */
    address: text().notNull(),
    count: integer().notNull(),
    last_at: integer().notNull(),
    /** Of the last one: names only. */
    header_names: text({ mode: 'json' }).$type<string[]>().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant_id, t.source_id, t.minute, t.reason, t.address] }),
    // Everybody's are kept equally long.
    index('source_failures_minute').on(t.minute),
  ],
)

export type SourceRow = typeof sources.$inferSelect
