import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { ErasedCounts } from '../../durable-objects/endpoint/rpc.ts'

/** Stores that an erasure goes through, in this order: who holds deliveries first, since they write to the others. */
export const STORES = ['endpoints', 'deliveries', 'unmatched_messages', 'dead_letters', 'payloads'] as const

/** How far a pass through all stores has come. */
export interface Progress {
  /** When this pass began. */
  began_at: number
  store: (typeof STORES)[number]
  /** The last endpoint that was told; empty at first. */
  after: string
  /** What endpoints have answered in this pass. */
  counts: ErasedCounts
  /** Everybody answered, and nothing is under way any more. */
  is_clean: boolean
  /** Payloads that are counted, and may not have been deleted yet. */
  deleting: string[]
}

/** Data subjects whose content is erased, or was: the job's state, and once it is done its receipt. WITHOUT ROWID in the migration. */
export const erasures = sqliteTable(
  'erasures',
  {
    tenant_id: text().notNull(),
    id: text().notNull(),
    /** Hash of the subject; whom it was is not kept. */
    subject: text().notNull(),
    requested_at: integer().notNull(),
    /** Id of the API key. */
    requested_by: text().notNull(),
    /** Null while it runs. */
    completed_at: integer(),
    deliveries: integer().notNull().default(0),
    unfinished_deliveries: integer().notNull().default(0),
    attempts: integer().notNull().default(0),
    unmatched_messages: integer().notNull().default(0),
    dead_letters: integer().notNull().default(0),
    payloads: integer().notNull().default(0),
    progress: text({ mode: 'json' }).$type<Progress>().notNull(),
    /** Nobody goes on with it before: somebody is at it, or what is on its way needs time to arrive. */
    run_after: integer().notNull(),
    /** Over all of the receipt, under a key that is not in the database. Null while it runs. */
    signature: text(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant_id, t.id] }),
    index('erasures_running').on(t.run_after).where(sql`completed_at IS NULL`),
    index('erasures_subject').on(t.tenant_id, t.subject),
  ],
)

export type ErasureRow = typeof erasures.$inferSelect
