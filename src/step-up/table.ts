import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'

/** When a one-time code is asked for: of keys that are enrolled, or of every key, which then has to enrol. */
export const STEP_UP_POLICIES = ['enrolled', 'required'] as const

export type StepUpPolicy = (typeof STEP_UP_POLICIES)[number]

/** What counts when several have their say. */
export function strictest(...policies: StepUpPolicy[]): StepUpPolicy {
  return policies.includes('required') ? 'required' : 'enrolled'
}

/** What API keys verify themselves with beyond the key. WITHOUT ROWID in the migration. */
export const totpEnrolments = sqliteTable(
  'totp_enrolments',
  {
    /** Empty for an operator key. */
    tenant_id: text().notNull(),
    /** Also of all that rotations made in its place: `enrolment_of` of `api_keys`. */
    key_id: text().notNull(),
    /** The secret in base32, sealed (`find-enrolment.ts` says for what). */
    sealed: text().notNull(),
    created_at: integer().notNull(),
    /** Null while nobody has shown to hold the secret: until then no code is asked for. */
    confirmed_at: integer(),
    /** Of the last code that was accepted. */
    last_step: integer().notNull(),
    /** Wrong codes since the last one that was accepted. */
    failures: integer().notNull(),
    /** Until then every code is refused; 0 for never locked. */
    locked_until: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenant_id, t.key_id] })],
)

export type EnrolmentRow = typeof totpEnrolments.$inferSelect
