import type { Bindings } from '../../src/env.ts'
import type { DeadLetterNotice } from '../../src/queues/messages.ts'
import type { Report } from '../../src/report.ts'

const BATCH_MAX = 100

/** Notices of used-up deliveries, in storage until the dead-letters queue has taken them. */
export class DeadLetterOutbox {
  private readonly sql: SqlStorage
  private readonly queue: Bindings['DEAD_LETTERS']
  private readonly report: Report
  private sending: Promise<void> | null = null

  constructor(sql: SqlStorage, queue: Bindings['DEAD_LETTERS'], report: Report) {
    this.sql = sql
    this.queue = queue
    this.report = report
  }

  isEmpty(): boolean {
    return this.oldest(1).length === 0
  }

  add(notice: DeadLetterNotice): void {
    this.sql.exec('INSERT INTO dead_letter_outbox (notice) VALUES (?)', JSON.stringify(notice))
    void this.send().catch((error) => this.report('dead_letters.refused', error))
  }

  /** Sends what there is; what the queue refuses stays for the alarm. One run at a time. */
  send(): Promise<void> {
    this.sending ??= this.sendInBatches().finally(() => {
      this.sending = null
    })
    return this.sending
  }

  private async sendInBatches(): Promise<void> {
    // Once around the loop, so that deaths of one moment share a batch.
    await scheduler.wait(0)
    for (;;) {
      const batch = this.oldest(BATCH_MAX)
      const last = batch.at(-1)
      if (last === undefined) return
      try {
        await this.queue.sendBatch(batch.map(({ notice }) => ({ body: { v: 1, ...notice } })))
      } catch (error) {
        this.report('dead_letters.refused', error)
        return
      }
      this.sql.exec('DELETE FROM dead_letter_outbox WHERE id <= ?', last.id)
    }
  }

  private oldest(limit: number): { id: number; notice: DeadLetterNotice }[] {
    return this.sql
      .exec<{ id: number; notice: string }>('SELECT id, notice FROM dead_letter_outbox ORDER BY id LIMIT ?', limit)
      .toArray()
      .map(({ id, notice }) => ({ id, notice: JSON.parse(notice) as DeadLetterNotice }))
  }
}
