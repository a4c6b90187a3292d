import type { Bindings } from '../../src/env.ts'
import type { Log } from '../../src/lib/log.ts'
import type { DeadLetterNotice } from '../../src/queues/messages.ts'
import type { Store } from './store.ts'

const BATCH_MAX = 100

/** Notices of used-up deliveries, in storage until the dead-letters queue has taken them. */
export class DeadLetterOutbox {
  private readonly store: Store
  private readonly queue: Bindings['DEAD_LETTERS']
  private readonly log: Log
  private sending: Promise<void> | null = null

  constructor(store: Store, queue: Bindings['DEAD_LETTERS'], log: Log) {
    this.store = store
    this.queue = queue
    this.log = log
  }

  isEmpty(): boolean {
    return this.store.deadLetters(1).length === 0
  }

  add(notice: DeadLetterNotice): void {
    this.store.addDeadLetter(notice)
    void this.send()
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
      const batch = this.store.deadLetters(BATCH_MAX)
      const last = batch.at(-1)
      if (last === undefined) return
      try {
        await this.queue.sendBatch(batch.map(({ notice }) => ({ body: { v: 1, ...notice } })))
      } catch (error) {
        this.log('warn', 'dead_letters.refused', { error })
        return
      }
      this.store.removeDeadLetters(last.id)
    }
  }
}
