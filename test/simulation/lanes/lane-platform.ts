/** Everything around the lanes of one endpoint: publishers, a queue, the database, receivers, and an operator. */
import type { Offer, Routed } from '../../../src/endpoints/route-items.ts'
import { Coverage } from '../coverage.ts'
import type { Core } from '../endpoint-model.ts'
import { secondsUntil } from '../living-endpoint.ts'
import { Queue } from '../queues.ts'
import { Receivers } from '../receivers.ts'
import { World } from '../world.ts'
import { type Flaws, LANE_CODE, type LaneCode } from './lane-code.ts'
import type { LaneCoverage } from './lane-coverage.ts'
import { LaneDatabase } from './lane-database.ts'
import { LaneEndpoint } from './lane-endpoint.ts'
import { LaneOperator } from './lane-operator.ts'
import { LanePublisher, NO_VIEW, type Reach, route } from './lane-publisher.ts'
import { LaneRules } from './lane-rules.ts'
import type { LaneScenario } from './lane-scenario.ts'
import { type Sent, toItem } from './store-view.ts'

export interface LaneOptions {
  /** A mutant of the code of lanes. */
  code?: LaneCode
  /** Bugs of the shell around a lane. */
  flaws?: Flaws
  core?: Core
  coverage: LaneCoverage
  trace?: (line: string) => void
}

interface Wake {
  lane: number
  position: number
}

const PUBLISHERS = 3

export class LanePlatform {
  readonly world: World
  readonly database: LaneDatabase
  readonly receivers: Receivers
  readonly lanes = new Map<number, LaneEndpoint>()
  readonly operator: LaneOperator
  readonly rules: LaneRules
  readonly coverage: LaneCoverage
  private readonly options: LaneOptions
  private readonly reach: Reach
  private readonly publishers: LanePublisher[]
  private readonly retries: Queue<Wake>
  private readonly fanout: Queue<Sent>
  private readonly sent: Sent[] = []

  constructor({ seed, settings }: LaneScenario, options: LaneOptions) {
    const { code = LANE_CODE, flaws = {}, coverage, trace } = options
    const world = new World({ seed }, new Coverage(), trace ?? null)
    this.world = world
    this.options = options
    this.coverage = coverage
    this.database = new LaneDatabase(world, settings, flaws)
    this.database.onDrained = () => coverage.count('layouts', 'lane marked as drained')
    this.receivers = new Receivers(world)
    this.rules = new LaneRules(this.lanes, this.database, coverage)
    this.reach = { world, database: this.database, code, coverage, lane: (n) => this.lane(n) }
    this.operator = new LaneOperator(this.reach, this.lanes)
    this.publishers = Array.from({ length: PUBLISHERS }, () => new LanePublisher(this.reach))
    this.retries = new Queue<Wake>(world, RETRIES, (wake, acknowledge, failed) => this.wake(wake, acknowledge, failed))
    this.fanout = new Queue<Sent>(world, FANOUT, (sent, acknowledge, failed) => this.unqueue(sent, acknowledge, failed))
  }

  /** Made when something calls it for the first time. */
  lane(n: number): LaneEndpoint {
    let lane = this.lanes.get(n)
    if (lane !== undefined) return lane
    const { world, database, receivers, rules, operator } = this
    const { code = LANE_CODE, flaws = {}, core } = this.options
    lane = new LaneEndpoint(
      {
        world,
        database,
        receivers,
        core,
        answers_early: false,
        sendWake: (position, delay_ms) => this.retries.send({ lane: n, position }, delay_ms),
        sendDeadLetters: () => true,
      },
      { lane: n, code, flaws, database, push: (settings, except) => operator.push(settings, except), watch: rules },
    )
    lane.onCrash = () => rules.crashed((message) => this.isQueued(message))
    this.lanes.set(n, lane)
    return lane
  }

  /** Messages that will still become deliveries. */
  get queued(): number {
    return this.fanout.held.size
  }

  // --- publishing ---

  publish(who: number, batch: readonly { key: string | null; is_keyed: boolean }[]): void {
    const accepted_at = this.world.wall
    const sent = batch.map((one, i): Sent => ({ ...one, message: this.sent.length + i, accepted_at }))
    this.sent.push(...sent)
    this.offer(who, sent)
  }

  /** The same again, by somebody who was not answered, or does not know that it was. */
  republish(who: number, nth: number): void {
    const known = this.nth(nth)
    // Without a key of its own, its id is the key, and says when it was accepted.
    if (known !== undefined)
      this.offer(who, [known.is_keyed ? { ...known, accepted_at: this.world.wall } : known], true)
  }

  nth(nth: number): Sent | undefined {
    return this.sent[nth % this.sent.length]
  }

  private offer(who: number, sent: readonly Sent[], is_repeated = false): void {
    for (const { message, is_keyed } of sent) this.rules.issued(message, is_keyed || process.env.ALL === '1')
    this.publishers[who]?.look((view) => {
      if (view === null) return
      const offers = sent.map((one): Offer => ({ item: toItem(one), may_be_known: one.is_keyed || is_repeated }))
      route(this.reach, offers, view, (results) => {
        for (const [i, result] of results.entries()) {
          const one = sent[i]
          if (one !== undefined) this.conclude(one, result, view.ordering !== 'none')
        }
      })
    })
  }

  private conclude(sent: Sent, { outcome }: Routed, is_ordered: boolean): void {
    const { coverage, rules } = this
    if (outcome === 'accepted' || outcome === 'duplicate') {
      coverage.count('answers to publishers', outcome)
      rules.confirmed(sent.message, 'lane')
    } else if (outcome === 'full') {
      coverage.count('answers to publishers', 'full')
    } else if (outcome === 'missing') {
      // A queue keeps no order; and a key's verdict it cannot give.
      const is_queued = !is_ordered && !sent.is_keyed && this.fanout.send(sent, 0)
      coverage.count('answers to publishers', is_queued ? 'missing, queued' : 'missing')
      if (is_queued) rules.confirmed(sent.message, 'queue')
    }
  }

  private unqueue(sent: Sent, acknowledge: () => void, failed: () => void): void {
    route(this.reach, [{ item: toItem(sent), may_be_known: true }], NO_VIEW, ([result]) => {
      if (result?.outcome === 'accepted' || result?.outcome === 'duplicate') acknowledge()
      else failed()
    })
  }

  private isQueued(message: number): boolean {
    for (const sent of this.fanout.held.keys()) if (sent.message === message) return true
    return false
  }

  // --- clocks ---

  private wake(wake: Wake, acknowledge: () => void, failed: () => void): void {
    const settle = (due_at: number | null) => {
      const delay_ms = due_at === null ? 0 : Math.max(1000, secondsUntil(due_at, this.world.wall))
      if (due_at === null || this.retries.send({ ...wake }, delay_ms)) acknowledge()
      else failed()
    }
    this.lane(wake.lane).wake(wake.position, settle, failed)
  }
}

const RETRIES = {
  refused: 'retry message refused',
  duplicated: 'retry message duplicated',
  delayed: 'retry message delayed',
  lost: 'retry message lost',
  failed: 'retry consumer failed',
} as const

const FANOUT = {
  refused: 'fan-out message refused',
  duplicated: 'fan-out message duplicated',
  delayed: 'fan-out message delayed',
  failed: 'fan-out consumer failed',
} as const
