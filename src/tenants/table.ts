import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { StepUpPolicy } from '../step-up/table.ts'

/** What the operator may change per tenant; absent members take the defaults of `limits.ts`. */
export interface TenantLimits {
  endpoints?: number | undefined
  event_types?: number | undefined
  keys?: number | undefined
  /** At once, after a pause; as many as a second when nothing is said. */
  messages_burst?: number | null | undefined
  messages_per_month?: number | null | undefined
  messages_per_second?: number | null | undefined
  payload_bytes?: number | undefined
  schema_bytes?: number | undefined
  sources?: number | undefined
  unfinished_per_endpoint?: number | undefined
}

/** What becomes of messages whose type is not in the catalogue. */
export const UNKNOWN_EVENT_TYPES = ['accept', 'refuse'] as const

export type UnknownEventTypes = (typeof UNKNOWN_EVENT_TYPES)[number]

export const tenants = sqliteTable('tenants', {
  /** A slug the operator chose. */
  id: text().primaryKey(),
  name: text().notNull(),
  /** Grows with every change; with an endpoint's own version it makes the settings version. */
  version: integer().notNull(),
  limits: text({ mode: 'json' }).$type<TenantLimits>().notNull(),
  disable_after_days: integer().notNull(),
  retention_days: integer().notNull(),
  audit_retention_days: integer().notNull().default(365),
  unknown_event_types: text().$type<UnknownEventTypes>().notNull().default('accept'),
  /** What the operator demands of the tenant's keys, and what its admins do: the stricter counts. */
  step_up: text().$type<StepUpPolicy>().notNull().default('enrolled'),
  own_step_up: text().$type<StepUpPolicy>().notNull().default('enrolled'),
  /** JSON Pointers into `data` of every type. */
  redact: text({ mode: 'json' }).$type<string[]>().notNull().default([]),
  created_at: integer().notNull(),
  updated_at: integer().notNull(),
})

/**
 * Tenants that are deleted, and whose rows, payloads and Endpoints are being removed. Their row in `tenants` is gone, so
 * that everything refuses them; while they are here their id is taken. WITHOUT ROWID in the migration.
 */
export const tenantDeletions = sqliteTable('tenant_deletions', {
  tenant_id: text().primaryKey(),
  requested_at: integer().notNull(),
})
