import type { Meta } from './meta.ts'
import type { EnqueueItem, ErasedCounts, Erasure } from './rpc.ts'

/**
 * How long they are remembered: a queue keeps a message for 14 days at most (README, "Deploy"), its dead-letter queue as
 * long again, and nothing else holds one back for as much as that.
 */
const REMEMBERED_MS = 30 * 24 * 60 * 60 * 1000
/** What was accepted that much later than this object was made, by another clock, may have been accepted before it. */
const CLOCK_SKEW_MS_MAX = 60_000

type Named = Pick<EnqueueItem, 'subject' | 'accepted_at'>

/**
 * The data subjects that were erased here, so that what arrives late finds no way in: a message may have been in a
 * queue, or on its way, when its subject was erased. And what came of each erasure, counted where it is done, so that
 * whoever asks twice counts nothing twice.
 */
export class Erasures {
  private readonly sql: SqlStorage
  private readonly meta: Meta
  private readonly db: D1Database

  constructor(sql: SqlStorage, meta: Meta, db: D1Database) {
    this.sql = sql
    this.meta = meta
    this.db = db
  }

  /** From here on this object is told of erasures. */
  begin(now: number): void {
    this.meta.write('born_at', now)
  }

  remember({ id, subject, requested_at }: Erasure, now: number): void {
    this.sql.exec(
      'INSERT OR IGNORE INTO erasures (subject, id, requested_at) VALUES (?, ?, ?)',
      subject,
      id,
      requested_at,
    )
    this.sql.exec('DELETE FROM erasures WHERE requested_at < ?', now - REMEMBERED_MS)
  }

  /** The erasure that reaches a message; null for none. */
  reaching({ subject, accepted_at }: Named): Erasure | null {
    if (subject === null || subject === undefined) return null
    const [erasure] = this.sql.exec<Erasure & Record<string, SqlStorageValue>>(
      'SELECT id, subject, requested_at FROM erasures WHERE subject = ? AND requested_at >= ? ORDER BY id LIMIT 1',
      subject,
      accepted_at,
    )
    return erasure ?? null
  }

  /**
   * Asks D1 for erasures that this object cannot have been told of: those of before it was made, by messages of before
   * that. It is called for nothing else, so publishing does not wait for D1.
   * @throws what D1 throws
   */
  async learn(tenant_id: string, items: readonly Named[], now: number): Promise<void> {
    const named = items.filter(({ subject }) => subject)
    if (named.length === 0) return
    const until = (this.meta.read<number>('born_at') ?? 0) + CLOCK_SKEW_MS_MAX
    const early = named.filter(({ accepted_at }) => accepted_at < until)
    if (early.length === 0) return
    const subjects = JSON.stringify([...new Set(early.map(({ subject }) => subject))])
    const since = Math.min(...early.map(({ accepted_at }) => accepted_at))
    const { results } = await this.db.prepare(SINCE).bind(tenant_id, subjects, since).all<Erasure>()
    for (const erasure of results) this.remember(erasure, now)
  }

  count({ subject, id }: Erasure, { deliveries, unfinished, attempts }: ErasedCounts): void {
    this.sql.exec(
      `UPDATE erasures SET deliveries = deliveries + ?, unfinished = unfinished + ?, attempts = attempts + ?
         WHERE subject = ? AND id = ?`,
      deliveries,
      unfinished,
      attempts,
      subject,
      id,
    )
  }

  counted({ subject, id }: Erasure): ErasedCounts {
    const [counts] = this.sql.exec<ErasedCounts & Record<string, SqlStorageValue>>(
      'SELECT deliveries, unfinished, attempts FROM erasures WHERE subject = ? AND id = ?',
      subject,
      id,
    )
    return counts ?? { deliveries: 0, unfinished: 0, attempts: 0 }
  }
}

// By the index of subjects, which SQLite would not choose: it would read all erasures of the tenant.
const SINCE = `SELECT erasures.id, subject, requested_at FROM json_each(?2) AS wanted
  CROSS JOIN erasures INDEXED BY erasures_subject ON tenant_id = ?1 AND subject = wanted.value
  WHERE requested_at >= ?3`
