/**
 * A publisher: an isolate with a view of the endpoint that may be old. It finds the lanes of what it
 * offers as src/endpoints/enqueue.ts does, call by call, over a network that loses, delays and repeats.
 */
import type { EnqueueAnswer, Ordering } from '../../../durable-objects/endpoint/rpc.ts'
import { type Layout, ONE_LANE } from '../../../src/endpoints/lanes.ts'
import type { LaneAnswer, LaneCall, Offer, Routed } from '../../../src/endpoints/route-items.ts'
import type { World } from '../world.ts'
import type { LaneCode } from './lane-code.ts'
import type { LaneCoverage } from './lane-coverage.ts'
import type { LaneDatabase } from './lane-database.ts'
import type { LaneEndpoint } from './lane-endpoint.ts'

const HOP_MS_MAX = 20
const HOP_MS_SLOW = 3000
const TRIES_MAX = 3
const BACKOFF_MS_MAX = 400
/** As the cache of src/http/access.ts. */
const FRESH_MS = 2000

/** What a publisher believes of the endpoint. */
interface View {
  version: number
  layout: Layout
  ordering: Ordering
}

/** Of a queue's consumer: src/queues/fanout.ts knows nothing of the endpoint. */
export const NO_VIEW: View = { version: 0, layout: ONE_LANE, ordering: 'none' }

export interface Reach {
  world: World
  database: LaneDatabase
  code: LaneCode
  coverage: LaneCoverage
  lane(n: number): LaneEndpoint
}

export class LanePublisher {
  private readonly reach: Reach
  private view: View | null = null
  private seen_at = 0

  constructor(reach: Reach) {
    this.reach = reach
  }

  /** What it knows, or reads when that is too old, or goes on with when the database is down. */
  look(then: (view: View | null) => void): void {
    const { world, database } = this.reach
    if (this.view !== null && world.now - this.seen_at <= FRESH_MS) {
      then(this.view)
      return
    }
    database.query(
      () => database.settings,
      (settings) => {
        this.seen_at = world.now
        if (settings !== null) {
          const { version, layout = ONE_LANE, ordering } = settings
          this.view = { version, layout, ordering }
        }
        then(this.view)
      },
      () => then(this.view),
    )
  }
}

/** Finds the lanes of offers; `then` hears what became of each. */
export function route(reach: Reach, offers: readonly Offer[], view: View, then: (results: Routed[]) => void): void {
  const routing = reach.code.routeItems(offers, view.layout, reach.world.wall)
  const go = (answers: LaneAnswer[]) => {
    const step = routing.next(answers)
    if (step.done) {
      then(step.value)
      return
    }
    const calls = step.value
    const heard: LaneAnswer[] = calls.map(() => null)
    let waiting = calls.length
    for (const [i, call] of calls.entries()) {
      new Calling(reach, call, view.version, (answer) => {
        heard[i] = answer
        if (--waiting === 0) go(heard)
      }).attempt()
    }
  }
  go([])
}

/** One call of a lane, made again where the platform says that it may; its answer counts once. */
class Calling {
  private readonly reach: Reach
  private readonly call: LaneCall
  private readonly version: number
  private readonly settle: (answer: LaneAnswer) => void
  private tries = 0

  constructor(reach: Reach, call: LaneCall, version: number, settle: (answer: LaneAnswer) => void) {
    this.reach = reach
    this.call = call
    this.version = version
    this.settle = settle
  }

  attempt(): void {
    const { world, coverage } = this.reach
    this.tries++
    let is_over = false
    const once = (what: () => void) => () => {
      if (is_over) return
      is_over = true
      what()
    }
    const fail = once(() => this.fail())
    const is_lost = world.strikes('call.lost')
    world.after(this.hop(), () => {
      if (is_over) coverage.count('what happened to calls', 'arrived after its caller gave up')
      this.reach.lane(this.call.lane).offer(
        this.call,
        this.version,
        (answer) => {
          if (!is_lost)
            world.after(
              this.hop(),
              once(() => this.hear(answer)),
            )
        },
        () => {
          if (!is_lost) world.after(this.hop(), fail)
        },
      )
    })
    if (!is_lost) return
    coverage.count('what happened to calls', 'lost')
    world.after(this.hop() + this.hop(), fail)
  }

  private hop(): number {
    const { random } = this.reach.world
    return random.between(0, this.reach.world.strikes('call.slow') ? HOP_MS_SLOW : HOP_MS_MAX)
  }

  private hear(answer: EnqueueAnswer): void {
    const { coverage, world } = this.reach
    const { as, lane, epoch, items } = this.call
    if (answer.moved !== null) coverage.answered(as, 'moved')
    for (const { outcome } of answer.results) coverage.answered(as, outcome)
    world.say(() => {
      const names = items.map(({ message_id, ordering_key }) => `${message_id}${ordering_key ?? ''}`).join(' ')
      const said = answer.moved
        ? `moved to ${JSON.stringify(answer.moved)}`
        : answer.results.map((r) => r.outcome).join()
      return `    lane ${lane} as ${as} by epoch ${epoch} of ${names}: ${said}`
    })
    this.settle(answer)
  }

  private fail(): void {
    const { world, coverage } = this.reach
    if (this.tries < TRIES_MAX && world.random.chance(0.5)) {
      coverage.count('what happened to calls', 'made again')
      world.after(world.random.between(0, BACKOFF_MS_MAX), () => this.attempt())
    } else {
      coverage.count('answers of lanes', 'none')
      this.settle(null)
    }
  }
}
