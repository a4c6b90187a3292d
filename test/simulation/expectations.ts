/** What each single decision of the core must say, worked out from the design and not from the core. */
import {
  type Arrival,
  type Change,
  concurrency,
  type Effect,
  type EndpointEvent,
  type EndpointState,
  type Outcome,
} from '../../durable-objects/endpoint/machine.ts'
import { ExpectedBreaker } from './expected-breaker.ts'
import { checkClocks } from './expected-clocks.ts'
import { DAY, SECOND } from './given.ts'
import { isFinished, type ModelRows, type Row } from './rows.ts'
import { Violation } from './world.ts'

const JITTER = 0.2
const INTERRUPTED_MS = 30 * SECOND
const EFFECTS_MAX_PER_DELIVERY = 6
const EFFECTS_MAX_BESIDE = 10
const WINDOW_MAX = 20

/** One decision: what came in, what comes out. */
export interface Decided {
  event: EndpointEvent
  before: EndpointState
  after: EndpointState
  effects: readonly Effect[]
  now: number
}

export class Expectations {
  private readonly rows: ModelRows
  private readonly breaker = new ExpectedBreaker()
  private looked_in_vain = false
  /** When attempts started under the present rate limit. */
  private starts: number[] = []

  constructor(rows: ModelRows) {
    this.rows = rows
  }

  restarted(state: EndpointState): void {
    this.breaker.restore(state)
    this.starts = []
    this.looked_in_vain = false
  }

  /** Between the decision and its effects. */
  check(decided: Decided): void {
    const { event, before, after, effects, now } = decided
    checkBounds(decided)
    checkClocks(decided)
    checkControl(decided)
    this.checkLoading(decided)
    this.checkBudgets(event, effects)
    if (event.kind === 'enqueued') this.checkRoom(event.arrivals, decided)
    if (event.kind === 'finished') this.checkFinished(event.position, event.outcome, decided)
    if (event.kind === 'configured') {
      if (before.rules.disabled !== null && event.rules.disabled === null) this.breaker.startSlowly()
      if (before.rules.rate_limit_per_s !== event.rules.rate_limit_per_s) this.starts = []
    }
    if (event.kind === 'reset_breaker') this.breaker.reset()
    for (const effect of effects) {
      if (effect.kind === 'attempt') this.checkAttempt(effect.position, decided)
    }
    this.breaker.compare(after)
    // A clock that was set back ends what was counted before.
    if ((this.starts.at(-1) ?? now) > now) this.starts = []
  }

  /** After an event and all that followed from it. */
  checkRest(state: EndpointState, now: number, has_timer: boolean): void {
    const { rules, breaker, cancel_below, in_flight } = state
    if (rules.rate_limit_per_s === null || rules.disabled !== null || cancel_below !== null) return
    if (breaker.state !== 'closed' || in_flight.size >= concurrency(state)) return
    const due_at = this.rows.nextDueAt(in_flight)
    // What only the rate limit holds back goes when its token is there, not when an alarm comes by.
    if (due_at !== null && due_at <= now && !has_timer) {
      throw new Violation('the rate limit holds work back and no timer is set')
    }
  }

  /** One look may be in vain, because what was due was cancelled; a second would be a circle. */
  private checkLoading({ event, effects }: Decided): void {
    if (event.kind === 'due') {
      const is_vain = event.deliveries.length === 0
      if (is_vain && this.looked_in_vain) throw new Violation('it looks for due work again and again where none is')
      this.looked_in_vain = is_vain
    }
    if (effects.some(writes)) this.looked_in_vain = false
  }

  private checkAttempt(position: number, { event, before, after, now }: Decided): void {
    if (before.in_flight.has(position)) throw new Violation('what was in flight already was attempted again')
    this.breaker.onAttempt(position, now, after)
    const waits_since = event.kind === 'enqueued' ? this.rows.nextDueAt(before.in_flight) : null
    if (waits_since !== null && waits_since <= now) throw new Violation('a newcomer overtook what was due before it')
    const per_s = after.rules.rate_limit_per_s
    if (per_s === null) return
    if ((this.starts.at(-1) ?? now) > now) this.starts = []
    this.starts.push(now)
    const most = per_s + Math.max(1, per_s / 10)
    const over = this.starts.at(-1 - Math.floor(most))
    if (over !== undefined && now - over < SECOND)
      throw new Violation('more was attempted in a second than the rate limit allows')
    if (this.starts.length > 200) this.starts = this.starts.slice(-100)
  }

  /** What there is room for is stored, and nothing beyond it. */
  private checkRoom(arrivals: readonly Arrival[], { before, effects }: Decided): void {
    const room = Math.max(0, before.rules.max_unfinished - this.rows.unfinished_count)
    // What has no content any more ends as it arrives, and takes no room.
    const erased = arrivals.filter(({ is_erased }) => is_erased).length
    const stored = effects.filter(({ kind }) => kind === 'insert').length - erased
    const refused = effects.filter(({ kind }) => kind === 'refuse').length
    if (stored > room) throw new Violation('more was accepted than there is room for')
    const wanted = arrivals.length - erased
    if (stored !== Math.min(room, wanted) || stored + refused !== wanted) {
      throw new Violation('a message was refused although there was room')
    }
  }

  /** Only the end of an attempt uses up a retry, and only a person's restart gives them back. */
  private checkBudgets(event: EndpointEvent, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'requeue') {
        if (event.kind !== 'restart') throw new Violation('a delivery started again by itself')
        if (effect.change.failures !== 0) throw new Violation('a delivery that starts again has no fresh retries')
      }
      if (effect.kind !== 'update' || event.kind === 'finished') continue
      const row = this.rows.find(effect.position)
      if (row !== undefined && row.failures !== effect.change.failures) {
        throw new Violation(`${event.kind} changed how many retries are used up`)
      }
    }
  }

  private checkFinished(position: number, outcome: Outcome, { before, after, effects, now }: Decided): void {
    const flight = before.in_flight.get(position)
    const row = this.rows.find(position)
    const change = changeOf(effects, position)
    if (flight === undefined) {
      if (change !== undefined) throw new Violation('an attempt that nobody waits for decided something')
      return
    }
    this.breaker.onOutcome(position, outcome, now, after.rules.max_in_flight)
    if (row === undefined || change === undefined) throw new Violation('an attempt ended and nothing was written')
    if (after.in_flight.has(position) && !effects.some((e) => e.kind === 'attempt' && e.position === position)) {
      throw new Violation('an attempt that has ended is still in flight')
    }
    if (flight.erased_at !== null) checkErased(position, change, outcome, effects)
    else checkChange(row, change, outcome, before.rules.retry_delays_ms, now)
    const is_dead = effects.some((effect) => effect.kind === 'dead_letter' && effect.position === position)
    if (is_dead !== (change.state === 'dead')) throw new Violation('a dead letter was written for the wrong delivery')
    if (change.state === 'waiting' && !effects.some((e) => e.kind === 'wake_later' && e.position === position)) {
      throw new Violation('a retry was scheduled without a clock')
    }
    const is_end = isFinished({ ...row, ...change })
    if (is_end && row.order_key !== null && !effects.some((e) => e.kind === 'release')) {
      throw new Violation('a delivery ended and kept its ordering key')
    }
    this.checkDisabling(outcome, before, after, now)
  }

  private checkDisabling(outcome: Outcome, before: EndpointState, after: EndpointState, now: number): void {
    if (before.rules.disabled !== null) return
    const { failing_since } = this.breaker
    const blamed = outcome.kind === 'failure' && outcome.blames_receiver && !outcome.is_gone
    const too_long = blamed && failing_since !== null && now - failing_since >= before.rules.disable_after_ms
    const expected = outcome.kind === 'failure' && outcome.is_gone ? 'gone' : too_long ? 'failing' : null
    if (after.rules.disabled !== expected) {
      throw new Violation(
        `the endpoint is ${after.rules.disabled ?? 'enabled'} where it should be ${expected ?? 'enabled'}`,
      )
    }
  }
}

/** What a person asks for is done. */
function checkControl({ event, before, effects, now }: Decided): void {
  if (event.kind === 'erase') {
    const { position } = event.delivery
    if (!erases(effects, position)) throw new Violation('what was to be erased was not')
    const is_open = !event.is_finished && !before.in_flight.has(position)
    if (is_open && changeOf(effects, position)?.state !== 'cancelled') throw new Violation('what was erased goes on')
    return
  }
  if (event.kind !== 'retry' && event.kind !== 'cancel' && event.kind !== 'restart') return
  for (const effect of effects) {
    if (effect.kind !== 'update' && effect.kind !== 'requeue') continue
    if (effect.position !== event.delivery.position) continue
    const { state, due_at } = effect.change
    if (event.kind === 'cancel' ? state === 'cancelled' : isOpen(state) && (due_at === now || due_at === null)) return
  }
  throw new Violation(`${event.kind} did nothing`)
}

/** An attempt that was under way when its content was erased: it has its say, and nothing comes after it. */
function checkErased(position: number, change: Change, outcome: Outcome, effects: readonly Effect[]): void {
  const expected = outcome.kind === 'success' ? 'succeeded' : 'cancelled'
  if (change.state !== expected) throw new Violation(`what was erased became ${change.state}`)
  if (!erases(effects, position)) throw new Violation('what an attempt brought was not erased')
}

const erases = (effects: readonly Effect[], position: number) =>
  effects.some((effect) => effect.kind === 'erase' && effect.position === position)

const isOpen = (state: Change['state']) => state === 'pending' || state === 'waiting'

function checkBounds({ event, before, after, effects }: Decided): void {
  const deliveries =
    event.kind === 'enqueued'
      ? event.arrivals
      : event.kind === 'due' || event.kind === 'unfinished'
        ? event.deliveries
        : []
  if (effects.length > EFFECTS_MAX_BESIDE + EFFECTS_MAX_PER_DELIVERY * deliveries.length) {
    throw new Violation(`${event.kind} had ${effects.length} effects`)
  }
  if (after.in_flight.size > Math.max(before.in_flight.size, after.rules.max_in_flight)) {
    throw new Violation('more is in flight than may be')
  }
  if (after.breaker.window.length > WINDOW_MAX) throw new Violation('the breaker remembers ever more')
}

function checkChange(row: Row, change: Change, outcome: Outcome, delays_ms: readonly number[], now: number): void {
  const { state, due_at, failures } = change
  if (outcome.kind === 'success') {
    if (state !== 'succeeded') throw new Violation(`a success left the delivery ${state}`)
    return
  }
  const counts = outcome.kind === 'failure' && !outcome.is_gone
  if (failures !== row.failures + (counts ? 1 : 0)) throw new Violation('a retry was used up wrongly')
  if (!counts) {
    if (state !== 'waiting' && state !== 'pending') throw new Violation(`${outcome.kind} left the delivery ${state}`)
    const [least_ms, most_ms] = outcome.kind === 'failure' ? [0, 0] : spread(INTERRUPTED_MS)
    if (due_at === null || due_at < now + least_ms || due_at > now + most_ms) {
      throw new Violation(`${outcome.kind} gave a wrong due time`)
    }
    return
  }
  const delay_ms = delays_ms[failures - 1]
  if (delay_ms === undefined) {
    if (state !== 'dead') throw new Violation(`the retries were used up and left the delivery ${state}`)
    return
  }
  if (state !== 'waiting') throw new Violation(`a failure with retries left made the delivery ${state}`)
  const asked_ms = Math.min(outcome.retry_after_ms ?? 0, DAY)
  const [least_ms, most_ms] = spread(delay_ms)
  if (due_at === null || due_at < now + Math.max(least_ms, asked_ms)) throw new Violation('a retry comes too soon')
  if (due_at > now + Math.max(most_ms, asked_ms)) throw new Violation('a retry comes too late')
}

/** Whether an effect changes a delivery. */
export function writes({ kind }: Effect): boolean {
  return kind === 'insert' || kind === 'update' || kind === 'requeue' || kind === 'erase'
}

function changeOf(effects: readonly Effect[], position: number): Change | undefined {
  for (const effect of effects) {
    if (effect.kind === 'update' && effect.position === position) return effect.change
  }
  return undefined
}

function spread(duration_ms: number): [number, number] {
  return [Math.floor(duration_ms * (1 - JITTER)), Math.ceil(duration_ms * (1 + JITTER))]
}
