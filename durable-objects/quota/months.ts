import { monthsBefore } from '../../src/lib/month.ts'
import { takeSteps } from '../schema-steps.ts'
import type { Meter } from './meter.ts'

/** The Quota's tables: every step stays here for good. What each column means is in docs/database.md. */
const STEPS: readonly string[] = [
  // The bucket lies in the newest month's row, so that a publish writes one row.
  `CREATE TABLE months (
     month TEXT PRIMARY KEY,
     accepted INTEGER NOT NULL,
     unmetered INTEGER NOT NULL,
     since INTEGER NOT NULL,
     tokens REAL,
     counted_at INTEGER NOT NULL
   ) WITHOUT ROWID;`,
]

/** Long enough to settle last year's bill. */
const MONTHS_KEPT = 36

type Row = { [K in keyof Meter]: Meter[K] }

/** The months that a Quota has counted. */
export class Months {
  private readonly sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.sql = sql
    takeSteps(sql, STEPS)
  }

  /** The one that counts now. */
  newest(): Meter | null {
    return this.sql.exec<Row>('SELECT * FROM months ORDER BY month DESC LIMIT 1').toArray()[0] ?? null
  }

  find(month: string): Meter | null {
    return this.sql.exec<Row>('SELECT * FROM months WHERE month = ?', month).toArray()[0] ?? null
  }

  write({ month, accepted, unmetered, since, tokens, counted_at }: Meter): void {
    this.sql.exec(
      'INSERT OR REPLACE INTO months (month, accepted, unmetered, since, tokens, counted_at) VALUES (?, ?, ?, ?, ?, ?)',
      ...[month, accepted, unmetered, since, tokens, counted_at],
    )
  }

  /** Deletes what is older than anybody asks for. */
  forgetBefore(month: string): void {
    this.sql.exec('DELETE FROM months WHERE month < ?', monthsBefore(month, MONTHS_KEPT))
  }
}
