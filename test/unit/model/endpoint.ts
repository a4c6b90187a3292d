/**
 * The Endpoint's shell without Cloudflare: rows in a map, clocks that are told what time it is. It
 * performs the effects that the core decides on, and refuses those that would break a rule of delivery.
 */
import {
  decide,
  type Effect,
  type EndpointEvent,
  type EndpointState,
  isHeld,
  type Outcome,
  type Rules,
  restingState,
} from '../../../durable-objects/endpoint/machine.ts'
import { DAY, RULES } from './given.ts'
import { isFinished, ModelRows } from './rows.ts'
import { checkAttempt, checkRest } from './rules-of-delivery.ts'

const QUEUE_DELAY_MAX = DAY
const CANCEL_PAGE = 3
const RINGS_MAX = 20_000

export class ModelEndpoint {
  now = Date.UTC(2026, 0, 1)
  state: EndpointState
  random = () => 0.5
  readonly rows = new ModelRows()
  readonly attempts: { position: number; at: number }[] = []
  readonly refused: number[] = []
  readonly dead_letters: number[] = []
  readonly announced: string[] = []
  alarm_at: number | null = null
  timer_at: number | null = null
  /** Messages in the retries queue. */
  wakes: { position: number; rings_at: number }[] = []
  /** What the platform was asked to do, for counting. */
  alarms_set = 0
  alarms_rung = 0
  private saved: Pick<EndpointState, 'breaker' | 'cancel_below'> | null = null
  private last_seq = 0
  private is_cancelling = false

  constructor(rules: Partial<Rules> = {}) {
    this.state = restingState({ ...RULES, ...rules })
  }

  // --- what happens to it ---

  /** Messages that arrive in one call; each is an ordering key, or null. Answers their positions. */
  publish(...order_keys: (string | null)[]): number[] {
    const keys = order_keys.length === 0 ? [null] : order_keys
    const taken = new Set<string>()
    const arrivals = keys.map((order_key, i) => {
      const is_behind = order_key !== null && (taken.has(order_key) || this.rows.head(order_key) !== undefined)
      if (order_key !== null) taken.add(order_key)
      return { position: this.last_seq + 1 + i, order_key, is_behind }
    })
    this.last_seq += arrivals.length
    this.run({ kind: 'enqueued', arrivals }, new Map(arrivals.map((arrival) => [arrival.position, arrival.order_key])))
    return arrivals.map(({ position }) => position)
  }

  publishOne(order_key: string | null = null): number {
    return this.publish(order_key)[0] ?? Number.NaN
  }

  finish(position: number, outcome: Outcome): void {
    this.run({ kind: 'finished', position, outcome })
  }

  /** Every attempt in flight ends like this; those that start meanwhile do not. */
  finishAll(outcome: Outcome): void {
    for (const position of this.inFlight()) this.finish(position, outcome)
  }

  configure(rules: Partial<Rules>, parked: 'deliver' | 'cancel' = 'deliver'): void {
    const cancel_below = parked === 'cancel' ? this.last_seq + 1 : null
    this.run({ kind: 'configured', rules: { ...this.state.rules, ...rules }, cancel_below })
  }

  retry(position: number): void {
    this.run({ kind: 'retry', delivery: this.rows.at(position) })
  }

  cancel(position: number): void {
    this.run({ kind: 'cancel', delivery: this.rows.at(position) })
  }

  /** Redrive or replay of a finished delivery. */
  restart(position: number): void {
    const delivery = this.rows.at(position)
    const is_behind = delivery.order_key !== null && this.rows.head(delivery.order_key) !== undefined
    this.run({ kind: 'restart', delivery, is_behind })
  }

  /** The process is killed and comes back: what it had in memory is gone, what it had stored is not. */
  crash(): void {
    this.rows.rescheduleInterrupted(this.now)
    this.timer_at = null
    this.state = restingState(this.state.rules, {
      ...this.saved,
      next_due_at: this.rows.nextDueAt(new Map()),
      alarm_at: this.alarm_at,
      unfinished: this.rows.unfinished().length,
    })
  }

  /** The queue loses what it holds, and the timer its moment. */
  loseWakes(): void {
    this.wakes = []
    this.timer_at = null
  }

  /** Time passes, and every clock rings when it should. */
  advance(duration_ms: number): void {
    const end = this.now + duration_ms
    for (let rings = 0; this.nextRing() <= end; rings++) {
      if (rings > RINGS_MAX) throw new Error('its clocks ring without end')
      this.now = Math.max(this.now, this.nextRing())
      this.ring()
    }
    this.now = end
  }

  // --- what can be seen of it ---

  inFlight(): number[] {
    return [...this.state.in_flight.keys()]
  }

  /** As views.ts shows it. */
  stateOf(position: number): string {
    const row = this.rows.at(position)
    if (isFinished(row)) return row.state
    if (this.state.in_flight.has(position)) return 'delivering'
    return isHeld(this.state) ? 'parked' : row.state
  }

  attemptsOf(position: number): number[] {
    return this.attempts.filter((attempt) => attempt.position === position).map(({ at }) => at)
  }

  /** When something will ring next; Infinity when nothing will. */
  nextRing(): number {
    const never = Number.POSITIVE_INFINITY
    return Math.min(this.alarm_at ?? never, this.timer_at ?? never, ...this.wakes.map(({ rings_at }) => rings_at))
  }

  // --- the machinery ---

  run(event: EndpointEvent, arriving: ReadonlyMap<number, string | null> = new Map()): void {
    const following: (() => EndpointEvent)[] = [() => event]
    for (let next = following.shift(); next !== undefined; next = following.shift()) {
      const { state, effects } = decide(this.state, next(), { now: this.now, random: this.random })
      this.state = state
      for (const effect of effects) this.perform(effect, following, arriving)
    }
    checkRest(event, this.state, this.rows, this.now, this.alarm_at)
  }

  private perform(
    effect: Effect,
    following: (() => EndpointEvent)[],
    arriving: ReadonlyMap<number, string | null>,
  ): void {
    switch (effect.kind) {
      case 'insert': {
        const { position, due_at } = effect
        const order_key = arriving.get(position) ?? null
        this.rows.insert({ position, order_key, seq: position, state: 'pending', due_at, failures: 0 })
        break
      }
      case 'refuse':
        this.refused.push(effect.position)
        break
      case 'update': {
        const row = this.rows.at(effect.position)
        if (isFinished(row)) throw new Error(`a finished delivery became ${effect.change.state} by itself`)
        this.rows.write(effect.position, effect.change)
        break
      }
      case 'requeue':
        this.rows.write(effect.position, { ...effect.change, seq: ++this.last_seq })
        break
      case 'attempt':
        checkAttempt(effect.position, this.state, this.rows)
        this.attempts.push({ position: effect.position, at: this.now })
        break
      case 'load_due': {
        const deliveries = this.rows.due(this.now, effect.limit, this.state.in_flight)
        const loaded = deliveries.map(({ position }) => [position, null] as const)
        const taken = new Map<number, unknown>([...this.state.in_flight, ...loaded])
        following.unshift(() => ({ kind: 'due', deliveries, next_due_at: this.rows.nextDueAt(taken) }))
        break
      }
      case 'load_unfinished':
        if (this.is_cancelling) break
        this.is_cancelling = true
        following.push(() => {
          this.is_cancelling = false
          const deliveries = this.rows.unfinishedBelow(effect.below, this.state.in_flight, CANCEL_PAGE)
          return { kind: 'unfinished', deliveries }
        })
        break
      case 'release': {
        const head = this.rows.head(effect.order_key)
        if (head === undefined || head.due_at !== null) break
        this.rows.write(head.position, { due_at: this.now })
        following.push(() => ({ kind: 'released', due_at: this.now }))
        break
      }
      case 'wake_later':
        this.wakes.push({
          position: effect.position,
          rings_at: Math.min(effect.due_at, this.now + QUEUE_DELAY_MAX),
        })
        break
      case 'set_alarm':
        this.alarm_at = effect.at
        this.alarms_set++
        break
      case 'set_timer':
        this.timer_at = Math.min(effect.at, this.timer_at ?? effect.at)
        break
      case 'save_condition':
        this.saved = { breaker: this.state.breaker, cancel_below: this.state.cancel_below }
        break
      case 'dead_letter':
        this.dead_letters.push(effect.position)
        break
      case 'disable':
        this.announced.push(`disabled: ${effect.reason}`)
        break
      case 'announce':
        this.announced.push(effect.event)
        break
    }
  }

  /** At its time, or once more because the platform rings at least once. */
  ringAlarm(): void {
    this.alarm_at = null
    this.alarms_rung++
    const next_due_at = this.rows.nextDueAt(this.state.in_flight)
    this.run({ kind: 'alarm', next_due_at, upkeep_at: null, unflushed: false })
  }

  private ring(): void {
    if (this.alarm_at !== null && this.alarm_at <= this.now) {
      this.ringAlarm()
    } else if (this.timer_at !== null && this.timer_at <= this.now) {
      this.timer_at = null
      this.run({ kind: 'woken' })
    } else {
      const wake = this.wakes.find(({ rings_at }) => rings_at <= this.now)
      if (wake === undefined) return
      this.wakes = this.wakes.filter((other) => other !== wake)
      this.run({ kind: 'woken' })
      const due_at = this.state.in_flight.has(wake.position) ? null : this.rows.at(wake.position).due_at
      if (due_at !== null && due_at > this.now && !isHeld(this.state)) {
        this.wakes.push({ ...wake, rings_at: Math.min(due_at, this.now + QUEUE_DELAY_MAX) })
      }
    }
  }
}
