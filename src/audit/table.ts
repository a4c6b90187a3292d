import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'

/**
 * What was done, by whom and from where: a chain for each tenant, and one for what operators do beyond a tenant.
 * Append-only but for retention, which takes the oldest. WITHOUT ROWID in the migration.
 */
export const auditLog = sqliteTable(
  'audit_log',
  {
    /** The chain: a tenant's id, or `OPERATOR_CHAIN`. */
    tenant_id: text().notNull(),
    /** From 1, without gaps: whoever loses a race for one tries the next. */
    seq: integer().notNull(),
    at: integer().notNull(),
    action: text().notNull(),
    /** What it was done to. */
    target: text(),
    key_id: text().notNull(),
    role: text().notNull(),
    address: text(),
    user_agent: text(),
    request_id: text(),
    /** JSON of the members that changed; null where there was nothing. */
    before: text(),
    after: text(),
    /** `hash` of the entry before, 64 hexadecimal digits. */
    prev_hash: text().notNull(),
    hash: text().notNull(),
    /** `{master key id}.{base64}`: an HMAC of `hash` under a key that is not in the database. */
    mac: text().notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenant_id, t.seq] })],
)

export type AuditRow = typeof auditLog.$inferSelect
