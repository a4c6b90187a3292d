/** The platform's queues: at least once, in no order, late at times; and what refuses a message says so. */
import type { Fault } from './coverage.ts'
import { QUEUE_DELAY_MAX } from './given.ts'
import type { World } from './world.ts'

const BACKOFF_MS_FIRST = 2000
const BACKOFF_MS_MAX = 3_600_000
const LATE_MS_MAX = 20 * 60_000

interface Names {
  refused: Fault
  duplicated: Fault
  delayed: Fault
  /** Undefined where a lost message would be a lost delivery: the platform does not lose any. */
  lost?: Fault
  failed?: Fault
}

/** Handles a message; acknowledges it, or says that it failed and will be tried again. */
type Consumer<T> = (body: T, acknowledge: () => void, failed: () => void) => void

export class Queue<T> {
  private readonly world: World
  private readonly names: Names
  private readonly consume: Consumer<T>
  /** Messages in the queue's custody, each as often as it will be delivered. */
  readonly held = new Map<T, number>()

  constructor(world: World, names: Names, consume: Consumer<T>) {
    this.world = world
    this.names = names
    this.consume = consume
  }

  /** False when the queue refuses. */
  send(body: T, delay_ms: number): boolean {
    const { world, names } = this
    if (world.strikes('queue.refuse')) {
      world.fault(names.refused)
      return false
    }
    if (names.lost !== undefined && world.strikes('queue.lose')) {
      world.fault(names.lost)
      return true
    }
    this.hold(body, 1)
    this.deliver(body, delay_ms, 1)
    if (world.strikes('queue.duplicate')) {
      world.fault(names.duplicated)
      this.hold(body, 1)
      this.deliver(body, delay_ms + world.random.between(0, 5000), 1)
    }
    return true
  }

  private deliver(body: T, delay_ms: number, attempts: number): void {
    const { world, names } = this
    let late_ms = world.random.between(1, 200)
    if (world.strikes('queue.delay')) {
      world.fault(names.delayed)
      late_ms = world.random.between(1, world.random.chance(0.5) ? 5000 : LATE_MS_MAX)
    }
    world.after(Math.min(delay_ms, QUEUE_DELAY_MAX) + late_ms, () => {
      this.consume(
        body,
        () => this.hold(body, -1),
        () => {
          if (names.failed !== undefined) world.fault(names.failed)
          this.deliver(body, Math.min(BACKOFF_MS_FIRST * 2 ** (attempts - 1), BACKOFF_MS_MAX), attempts + 1)
        },
      )
    })
  }

  private hold(body: T, more: number): void {
    const held = (this.held.get(body) ?? 0) + more
    if (held === 0) this.held.delete(body)
    else this.held.set(body, held)
  }
}
