/** Publishers: they believe a 202, and a 202 is given only for what is in somebody's custody. */
import type { Answer } from './coverage.ts'
import type { Database } from './database.ts'
import { Queue } from './queues.ts'
import type { Item, SimulatedEndpoint } from './simulated-endpoint.ts'
import { Violation, type World } from './world.ts'

const HOP_MS_MAX = 20

export class Publisher {
  private readonly world: World
  private readonly endpoint: SimulatedEndpoint
  private readonly database: Database
  private readonly fanout: Queue<Item>
  private readonly items: Item[] = []
  /** Messages whose publisher was told that they are accepted. */
  readonly accepted = new Set<number>()

  constructor(world: World, endpoint: SimulatedEndpoint, database: Database) {
    this.world = world
    this.endpoint = endpoint
    this.database = database
    const names = {
      refused: 'fan-out message refused',
      duplicated: 'fan-out message duplicated',
      delayed: 'fan-out message delayed',
      failed: 'fan-out consumer failed',
    } as const
    this.fanout = new Queue<Item>(world, names, (item, acknowledge, failed) => {
      endpoint.enqueue([item], 0, ([answer]) => (answer === 'full' ? failed() : acknowledge()), failed)
    })
  }

  get queued(): number {
    return this.fanout.held.size
  }

  /** The id of the nth message published so far. */
  message(nth: number): number | undefined {
    return this.items.length === 0 ? undefined : nth % this.items.length
  }

  publish(keys: readonly (string | null)[], via: 'call' | 'queue'): void {
    const { wall } = this.world
    const items = keys.map((key, i) => ({ message: this.items.length + i, key, accepted_at: wall }))
    this.items.push(...items)
    if (via === 'call') this.place(items)
    else for (const item of items) if (!this.queue(item)) this.place([item])
  }

  /** Somebody who was not answered, or did not hear it, says the same again. */
  republish(nth: number): void {
    const item = this.items[this.message(nth) ?? -1]
    if (item !== undefined) this.place([{ ...item, accepted_at: this.world.wall }])
  }

  /** Everything that was accepted is held by storage that no component may drop. */
  checkCustody(): void {
    const { endpoint } = this
    if (endpoint.deleted) return
    for (const message of this.accepted) {
      const is_held = endpoint.disk.rows.of(message) !== undefined || endpoint.expired.has(message)
      if (!is_held && !this.isQueued(message)) throw new Violation('an accepted message was lost')
    }
  }

  private place(items: readonly Item[]): void {
    const { world } = this
    const version = this.database.settings?.version ?? 0
    world.after(world.random.between(0, HOP_MS_MAX), () => {
      this.endpoint.enqueue(
        items,
        version,
        (answers) => {
          for (const [i, { message }] of items.entries()) {
            const answer = answers[i] ?? 'gone'
            this.answer(answer)
            if (answer === 'accepted' || answer === 'duplicate') this.accepted.add(message)
          }
          this.checkCustody()
        },
        () => {
          for (const item of items) if (!this.queue(item)) this.answer('unavailable')
        },
      )
    })
  }

  private queue(item: Item): boolean {
    if (!this.fanout.send(item, 0)) return false
    this.answer('accepted by the queue')
    this.accepted.add(item.message)
    return true
  }

  private isQueued(message: number): boolean {
    for (const item of this.fanout.held.keys()) if (item.message === message) return true
    return false
  }

  private answer(answer: Answer): void {
    this.world.coverage.count('publish answers', answer)
  }
}
