/** Everything around one Endpoint, put together: queues, database, receivers, publishers and an operator. */
import type { Coverage } from './coverage.ts'
import { Database } from './database.ts'
import type { DeadLetter } from './disk.ts'
import type { Core } from './endpoint-model.ts'
import { QUEUE_DELAY_MAX } from './given.ts'
import { secondsUntil } from './living-endpoint.ts'
import { Operator } from './operator.ts'
import { OrderAsReceived } from './order-as-received.ts'
import { Publisher } from './publisher.ts'
import { Queue } from './queues.ts'
import { Receivers } from './receivers.ts'
import type { Scenario } from './scenario.ts'
import { SimulatedEndpoint } from './simulated-endpoint.ts'
import { World } from './world.ts'

export interface Options {
  /** A mutant of the core. */
  core?: Core
  /** A mutant of the platform: answers leave before what they promise is committed. */
  answers_early?: boolean
  coverage: Coverage
  trace?: (line: string) => void
}

interface Wake {
  position: number
}

export class Platform {
  readonly world: World
  readonly database: Database
  readonly receivers: Receivers
  readonly endpoint: SimulatedEndpoint
  readonly publisher: Publisher
  readonly operator: Operator
  private readonly retries: Queue<Wake>
  private readonly dead_letters: Queue<readonly DeadLetter[]>

  constructor(scenario: Scenario, { core, answers_early = false, coverage, trace }: Options) {
    const world = new World(scenario, coverage, trace ?? null)
    this.world = world
    this.database = new Database(world, scenario.settings)
    this.receivers = new Receivers(world)
    this.retries = new Queue<Wake>(world, RETRIES, (wake, acknowledge, failed) => this.wake(wake, acknowledge, failed))
    this.dead_letters = new Queue<readonly DeadLetter[]>(world, DEAD_LETTERS, (letters, acknowledge, failed) =>
      this.database.query(() => this.database.recordDeadLetters(letters), acknowledge, failed),
    )
    this.endpoint = new SimulatedEndpoint({
      world,
      database: this.database,
      receivers: this.receivers,
      core,
      answers_early,
      sendWake: (position, delay_ms) => this.sendWake({ position }, delay_ms),
      // A copy: equal batches are different messages.
      sendDeadLetters: (letters) => this.dead_letters.send([...letters], 0),
    })
    this.publisher = new Publisher(world, this.endpoint, this.database)
    this.operator = new Operator(world, this.endpoint, this.database)
    this.endpoint.onCrash = () => this.publisher.checkCustody()
    const order = new OrderAsReceived(this.endpoint.disk.rows)
    this.receivers.onReceipt = (request) => order.received(request)
    this.receivers.onAcceptance = (request) => order.accepted(request)
  }

  /** Messages that will still do something to the read models or the Endpoint's deliveries. */
  get queued(): number {
    return this.publisher.queued + this.dead_letters.held.size
  }

  private sendWake(wake: Wake, delay_ms: number): boolean {
    if (delay_ms > QUEUE_DELAY_MAX) this.world.fault('retry message split')
    return this.retries.send({ ...wake }, delay_ms)
  }

  /** As src/queues/retries.ts: what is not due yet gets a new clock. */
  private wake(wake: Wake, acknowledge: () => void, failed: () => void): void {
    const { endpoint, world } = this
    const settle = (due_at: number | null) => {
      if (due_at === null || this.sendWake(wake, Math.max(1000, secondsUntil(due_at, world.wall)))) acknowledge()
      else failed()
    }
    endpoint.wake(wake.position, settle, failed)
  }
}

const RETRIES = {
  refused: 'retry message refused',
  duplicated: 'retry message duplicated',
  delayed: 'retry message delayed',
  lost: 'retry message lost',
  failed: 'retry consumer failed',
} as const

const DEAD_LETTERS = {
  refused: 'dead letter refused',
  duplicated: 'dead letter duplicated',
  delayed: 'dead letter delayed',
} as const
