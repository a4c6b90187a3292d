/** Notices of used-up deliveries, on the disk until the dead-letters queue has taken them. */
import type { DeadLetter, Disk } from './disk.ts'
import type { Process } from './process.ts'

/** Small, so that runs come past it. */
const BATCH_MAX = 3

export class DeadLetterOutbox {
  private readonly process: Process
  private readonly disk: Disk
  private readonly take: (letters: readonly DeadLetter[]) => boolean
  private is_sending = false
  private following: (() => void)[] = []

  /** @param take into the queue; false when it refuses */
  constructor(process: Process, disk: Disk, take: (letters: readonly DeadLetter[]) => boolean) {
    this.process = process
    this.disk = disk
    this.take = take
  }

  add(message: number, died_at: number): void {
    const { outbox } = this.disk.meta
    const id = (outbox.at(-1)?.id ?? 0) + 1
    this.disk.write({ outbox: [...outbox, { id, message, died_at }] })
    this.send()
  }

  /** @param then when there is nothing more to send, or the queue refused */
  send(then: () => void = () => {}): void {
    this.following.push(then)
    if (this.is_sending) return
    this.is_sending = true
    this.process.later(0, () => this.sendBatch())
  }

  forget(): void {
    this.is_sending = false
    this.following = []
  }

  private sendBatch(): void {
    const batch = this.disk.meta.outbox.slice(0, BATCH_MAX)
    const last = batch.at(-1)
    if (last === undefined) {
      this.end()
      return
    }
    this.process.ask<void>(
      (done, failed) => (this.take(batch) ? done() : failed()),
      () => {
        this.disk.write({ outbox: this.disk.meta.outbox.filter(({ id }) => id > last.id) })
        this.sendBatch()
      },
      () => this.end(),
    )
  }

  private end(): void {
    const { following } = this
    this.forget()
    for (const then of following) then()
  }
}
