/**
 * The Endpoint's shell without Cloudflare: lets the core decide and performs its effects on rows in
 * memory, and refuses those that would break a rule of delivery. What reaches beyond the rows (clocks,
 * queues, the network) is left to who extends it.
 */
import { Backlog } from '../../durable-objects/endpoint/backlog.ts'
import {
  type Arrival,
  decide,
  type Effect,
  type EndpointEvent,
  type EndpointState,
  type Rules,
  restingState,
} from '../../durable-objects/endpoint/machine.ts'
import { isFinished, ModelRows, type Row } from './rows.ts'
import { checkAttempt, checkRest } from './rules-of-delivery.ts'

/** The core with its view of the schedule, or a mutant of them. */
export interface Core {
  decide: typeof decide
  restingState: typeof restingState
  Backlog: typeof Backlog
}

const CORE: Core = { decide, restingState, Backlog }

/** How the rows that arrive will look, apart from their due time. */
export type Arriving = ReadonlyMap<number, Omit<Row, 'due_at'>>

/** Follow-ups of one event; the core takes a handful. */
const FOLLOWING_MAX = 1000

const NOTHING_ARRIVES: Arriving = new Map()

export abstract class EndpointModel {
  state: EndpointState
  random = () => 0.5
  readonly rows: ModelRows
  protected readonly core: Core
  private backlog: Backlog
  private arriving: Arriving = NOTHING_ARRIVES
  private following: (() => EndpointEvent)[] = []

  constructor(rules: Rules, rows = new ModelRows(), core = CORE) {
    this.state = core.restingState(rules)
    this.rows = rows
    this.core = core
    this.backlog = this.newBacklog()
  }

  private newBacklog(): Backlog {
    return new this.core.Backlog((after, limit) => this.rows.scheduledAfter(after, limit))
  }

  /** What the process knew of the schedule ends with it. */
  protected forgetBacklog(): void {
    this.backlog = this.newBacklog()
  }

  run(event: EndpointEvent, arriving: Arriving = NOTHING_ARRIVES): void {
    this.arriving = arriving
    this.following = [() => event]
    let taken = 0
    for (let next = this.following.shift(); next !== undefined; next = this.following.shift()) {
      if (++taken > FOLLOWING_MAX) throw new Error(`${event.kind} is followed by events without end`)
      for (const effect of this.step(next())) this.perform(effect)
    }
    checkRest(event, this.state, this.rows, this.wallClock(), this.alarmAt())
  }

  /** How an order key looks to those that arrive together: each behind what is stored, and behind one another. */
  protected arrivals(keyed: readonly { position: number; order_key: string | null; is_erased?: boolean }[]): Arrival[] {
    const taken = new Set<string>()
    return keyed.map(({ position, order_key, is_erased = false }) => {
      const is_behind = order_key !== null && (taken.has(order_key) || this.rows.head(order_key) !== undefined)
      if (order_key !== null) taken.add(order_key)
      return { position, order_key, is_behind, is_erased }
    })
  }

  protected step(event: EndpointEvent): readonly Effect[] {
    const { state, effects } = this.core.decide(this.state, event, { now: this.wallClock(), random: this.random })
    this.state = state
    return effects
  }

  protected follow(make: () => EndpointEvent): void {
    this.following.push(make)
  }

  protected perform(effect: Effect): void {
    const now = this.wallClock()
    switch (effect.kind) {
      case 'insert': {
        const arriving = this.arriving.get(effect.position)
        if (arriving === undefined) throw new Error(`nothing arrives at ${effect.position}`)
        const due_at = this.findableAt(arriving, effect.due_at)
        this.rows.insert({ ...arriving, due_at })
        this.scheduled(effect.position, due_at)
        this.touched(effect.position)
        break
      }
      case 'refuse':
        this.refuse(effect.position)
        break
      case 'update': {
        const row = this.rows.at(effect.position)
        if (isFinished(row)) throw new Error(`a finished delivery became ${effect.change.state} by itself`)
        const finished_at = isFinished({ ...row, ...effect.change }) ? now : null
        this.rows.write(effect.position, { ...effect.change, finished_at, revision: row.revision + 1 })
        this.scheduled(effect.position, effect.change.due_at)
        this.touched(effect.position)
        break
      }
      case 'requeue': {
        const row = this.rows.at(effect.position)
        const seq = row.order_key === null ? row.seq : this.nextSeq()
        this.rows.write(effect.position, { ...effect.change, seq, finished_at: null, revision: row.revision + 1 })
        this.scheduled(effect.position, effect.change.due_at)
        this.touched(effect.position)
        break
      }
      case 'attempt':
        checkAttempt(effect.position, this.state, this.rows)
        this.launch(effect.position)
        break
      case 'load_due': {
        const { positions, next_due_at } = this.backlog.take(now, effect.limit, this.state.in_flight)
        const deliveries = positions.map((position) => this.rows.at(position))
        this.following.unshift(() => ({ kind: 'due', deliveries, next_due_at }))
        break
      }
      case 'load_unfinished':
        this.cancelNextPage(effect.below)
        break
      case 'release': {
        const head = this.rows.head(effect.order_key)
        if (head === undefined || head.due_at !== null) break
        this.rows.write(head.position, { due_at: now })
        this.scheduled(head.position, now)
        this.follow(() => ({ kind: 'released', due_at: now }))
        break
      }
      case 'wake_later':
        this.wakeLater(effect.position, effect.due_at)
        break
      case 'set_alarm':
        this.setAlarm(effect.at)
        break
      case 'set_timer':
        this.setTimer(effect.at)
        break
      case 'save_condition':
        this.saveCondition()
        break
      case 'dead_letter':
        this.deadLetter(effect.position)
        break
      case 'erase': {
        const row = this.rows.at(effect.position)
        const order_key = isFinished(row) ? null : row.order_key
        this.rows.write(effect.position, { erased_at: row.erased_at ?? now, order_key, revision: row.revision + 1 })
        this.touched(effect.position)
        break
      }
      case 'disable':
        this.disable(effect.reason)
        break
      case 'announce':
        this.announce(effect.event)
        break
    }
  }

  private scheduled(position: number, due_at: number | null): void {
    if (due_at !== null) this.backlog.schedule({ due_at, position })
  }

  /** When the first that is not in flight is due, as the process sees it. */
  protected nextDueAt(in_flight = this.state.in_flight): number | null {
    return this.backlog.nextDueAt(in_flight)
  }

  protected abstract wallClock(): number
  protected abstract alarmAt(): number | null
  protected abstract nextSeq(): number
  protected abstract launch(position: number): void
  protected abstract wakeLater(position: number, due_at: number): void
  protected abstract setAlarm(at: number): void
  protected abstract setTimer(at: number): void
  protected abstract saveCondition(): void
  protected abstract cancelNextPage(below: number): void
  protected abstract refuse(position: number): void
  protected abstract deadLetter(position: number): void
  protected abstract disable(reason: Extract<Effect, { kind: 'disable' }>['reason']): void
  protected abstract announce(event: Extract<Effect, { kind: 'announce' }>['event']): void

  /** A due time for what a restart would not find without one. */
  protected findableAt(_row: Omit<Row, 'due_at'>, due_at: number | null): number | null {
    return due_at
  }

  /** A row was written. */
  protected touched(_position: number): void {}
}
