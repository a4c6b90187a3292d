import { index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import type { Permission, Role } from '../http/permissions.ts'

export const apiKeys = sqliteTable(
  'api_keys',
  {
    id: text().primaryKey(),
    /** Null for an operator key. */
    tenant_id: text(),
    role: text().$type<Role>().notNull(),
    name: text().notNull(),
    /** SHA-256 (hex) of the whole key; the key itself is shown once and never stored. */
    hash: text().notNull(),
    /** The first characters, so that a person can tell keys apart. */
    hint: text().notNull(),
    created_at: integer().notNull(),
    expires_at: integer(),
    revoked_at: integer(),
    /** Null for all that the role holds. */
    scopes: text({ mode: 'json' }).$type<Permission[]>(),
    /** Canonical CIDRs; null for every address. */
    ip_allowlist: text({ mode: 'json' }).$type<string[]>(),
    /** Late by up to a minute. */
    last_used_at: integer(),
    /** The key that a rotation made in its place. */
    replaced_by: text(),
    /** The key whose enrolment for one-time codes is also this one's: the first of a line of rotations. Null for itself. */
    enrolment_of: text(),
  },
  (t) => [uniqueIndex('api_keys_hash').on(t.hash), index('api_keys_tenant').on(t.tenant_id, t.id)],
)

export type KeyRow = typeof apiKeys.$inferSelect
