/**
 * The core of an Endpoint: decides when the endpoint is called. Plain TypeScript without I/O, clock
 * or randomness: everything it needs comes in, everything it wants goes out as effects.
 *
 * Deliveries live in the shell's storage; the core knows only those in flight, and when the next one
 * is due. A delivery's `due_at` is its place in the schedule: `null` means that it waits for an
 * ordered predecessor, that it is finished, or that it was attempted the moment it arrived.
 */
import {
  abandonProbe,
  type Breaker,
  CLOSED,
  closeAfterProbe,
  recordFailure,
  recordSuccess,
  reopenAfterProbe,
  SLOW_START,
  startProbe,
} from './breaker.ts'
import { type Bucket, fullBucket, refill, untilToken } from './rate.ts'
import type { DeliveryState, DisabledReason, EndpointSettings } from './rpc.ts'
import { jittered, nextDelay, type Random } from './schedule.ts'

/** How late work may be noticed when every faster clock (a queue message, a timer) was lost. */
export const BACKUP_MS = 60_000

/** When an attempt that was cut off is made again. It uses up no retry, so this is what bounds its repetition. */
const INTERRUPTED_MS = 30_000

/** The part of the settings that decisions depend on. */
export type Rules = Pick<
  EndpointSettings,
  'disabled' | 'retry_delays_ms' | 'max_in_flight' | 'rate_limit_per_s' | 'disable_after_ms' | 'max_unfinished'
>

interface Flight {
  readonly is_probe: boolean
  readonly order_key: string | null
  /** Failed attempts in the present budget of retries. */
  readonly failures: number
  /** Its content has been erased since it started. */
  readonly erased_at: number | null
}

export interface EndpointState {
  readonly rules: Rules
  readonly breaker: Breaker
  readonly bucket: Bucket | null
  /** By position. */
  readonly in_flight: ReadonlyMap<number, Flight>
  /** Nothing outside `in_flight` is due before this; null when nothing is scheduled. */
  readonly next_due_at: number | null
  /** When the alarm is set to ring. */
  readonly alarm_at: number | null
  /** Deliveries below this position are being cancelled; nothing starts until that is done. */
  readonly cancel_below: number | null
  readonly unfinished: number
}

/** A delivery as it arrives. */
export interface Arrival {
  readonly position: number
  readonly order_key: string | null
  /** An unfinished delivery with the same order key is before it. */
  readonly is_behind: boolean
  /** Its data subject was erased while it was on its way: it is recorded, and never delivered. */
  readonly is_erased: boolean
}

/** A stored delivery, as far as decisions need it. */
export interface Stored {
  readonly position: number
  readonly order_key: string | null
  readonly failures: number
  /** When its content was erased: there is nothing left to deliver. */
  readonly erased_at: number | null
}

export type Outcome =
  | { kind: 'success' }
  | {
      kind: 'failure'
      retry_after_ms: number | null
      /** 410: the receiver wants no more. */
      is_gone: boolean
      /** False when the receiver had no part in it (a transform threw, the URL may not be called). */
      blames_receiver: boolean
    }
  /** Cut off on our side: neither the receiver nor the message had a part in it. */
  | { kind: 'interrupted' }

export type EndpointEvent =
  | { kind: 'enqueued'; arrivals: readonly Arrival[] }
  /** The answer to `load_due`. */
  | { kind: 'due'; deliveries: readonly Stored[]; next_due_at: number | null }
  | { kind: 'finished'; position: number; outcome: Outcome }
  /** A queue message, a timer or a restart says that something may be due. */
  | { kind: 'woken' }
  /**
   * The alarm rang. `next_due_at`: as storage says, since what was scheduled may have been cancelled;
   * `upkeep_at`: when storage next wants tidying; `unflushed`: the read model lags.
   */
  | { kind: 'alarm'; next_due_at: number | null; upkeep_at: number | null; unflushed: boolean }
  /** The retries queue refused: the alarm is the only clock left for this. */
  | { kind: 'wake_refused'; due_at: number }
  | { kind: 'configured'; rules: Rules; cancel_below: number | null }
  /** The head of an ordering key was made due. */
  | { kind: 'released'; due_at: number }
  | { kind: 'retry'; delivery: Stored }
  /** A finished delivery starts again. */
  | { kind: 'restart'; delivery: Stored; is_behind: boolean }
  | { kind: 'cancel'; delivery: Stored }
  /** Its content has to go, whatever state it is in. */
  | { kind: 'erase'; delivery: Stored; is_finished: boolean }
  /** The answer to `load_unfinished`; empty when none is left. */
  | { kind: 'unfinished'; deliveries: readonly Stored[] }
  | { kind: 'reset_breaker' }

export interface Change {
  readonly state: Extract<DeliveryState, 'pending' | 'waiting' | 'succeeded' | 'dead' | 'cancelled'>
  readonly due_at: number | null
  readonly failures: number
}

export type Effect =
  | { kind: 'insert'; position: number; due_at: number | null }
  /** `max_unfinished` is reached. */
  | { kind: 'refuse'; position: number }
  | { kind: 'update'; position: number; change: Change }
  /** As `update`, and the delivery goes to the end of its ordering key. */
  | { kind: 'requeue'; position: number; change: Change }
  | { kind: 'attempt'; position: number }
  /** Read up to `limit` due deliveries that are not in flight, oldest first, and answer with `due`. */
  | { kind: 'load_due'; limit: number }
  /** Read some deliveries to cancel below this position, and answer with `unfinished`. */
  | { kind: 'load_unfinished'; below: number }
  /** Make the first unfinished delivery of this key due, and answer with `released`. */
  | { kind: 'release'; order_key: string }
  /** Put a clock for this delivery into the retries queue. */
  | { kind: 'wake_later'; position: number; due_at: number }
  | { kind: 'set_alarm'; at: number }
  /** A clock finer than an alarm, which may be lost. */
  | { kind: 'set_timer'; at: number }
  /** Keep breaker, disabling and cancelling across restarts. */
  | { kind: 'save_condition' }
  | { kind: 'dead_letter'; position: number }
  /** Remove what is stored of its content. Its order key stays for as long as others wait for it. */
  | { kind: 'erase'; position: number }
  | { kind: 'disable'; reason: DisabledReason }
  | { kind: 'announce'; event: 'breaker_opened' | 'breaker_closed' }

export interface Decision {
  readonly state: EndpointState
  readonly effects: readonly Effect[]
}

export interface Surroundings {
  /** Unix milliseconds. */
  now: number
  random: Random
}

/** The state of an Endpoint that has nothing in flight: new, or just restarted. */
export function restingState(
  rules: Rules,
  stored: Partial<Pick<EndpointState, 'breaker' | 'next_due_at' | 'alarm_at' | 'cancel_below' | 'unfinished'>> = {},
): EndpointState {
  const { breaker = CLOSED, next_due_at = null, alarm_at = null, cancel_below = null, unfinished = 0 } = stored
  // A probe that was in flight when the process ended is forgotten: probe again.
  const resting: Breaker = breaker.state === 'half_open' ? { ...breaker, state: 'open' } : breaker
  return {
    rules,
    breaker: resting,
    bucket: null,
    in_flight: new Map(),
    next_due_at,
    alarm_at,
    cancel_below,
    unfinished,
  }
}

/** The one entry: what happened goes in, the new state and what to do about it come out. */
export function decide(state: EndpointState, event: EndpointEvent, surroundings: Surroundings): Decision {
  const step = new Step(state, surroundings)
  step.on(event)
  step.settle(state)
  return { state: step.state, effects: step.effects }
}

/** True while the breaker or disabling keeps deliveries from being attempted. */
export function isHeld(state: EndpointState): boolean {
  return state.rules.disabled !== null || state.breaker.state !== 'closed'
}

/** Attempts allowed at once right now. */
export function concurrency({ rules, breaker }: EndpointState): number {
  return Math.min(rules.max_in_flight, breaker.ramp ?? rules.max_in_flight)
}

/** One decision in the making; never outlives {@link decide}. */
class Step {
  state: EndpointState
  readonly effects: Effect[] = []
  /** Those in flight, once something about them has changed: copied once, however many start. */
  private flights: Map<number, Flight> | null = null
  private readonly now: number
  private readonly random: Random
  private wanted_alarm_at: number | null = null

  constructor(state: EndpointState, { now, random }: Surroundings) {
    this.state = state
    this.now = now
    this.random = random
  }

  on(event: EndpointEvent): void {
    switch (event.kind) {
      case 'enqueued':
        for (const arrival of event.arrivals) this.arrive(arrival)
        this.pump()
        break
      case 'due':
        this.set({ next_due_at: event.next_due_at })
        for (const delivery of event.deliveries) this.startOrDrop(delivery)
        // What the rate limit still holds back needs its timer now, not when an attempt ends.
        if (event.deliveries.length > 0) this.pump()
        break
      case 'finished':
        this.finish(event.position, event.outcome)
        this.pump()
        break
      case 'woken':
        this.pump()
        break
      case 'alarm':
        this.set({ alarm_at: null, next_due_at: event.next_due_at })
        if (event.unflushed) this.wantAlarm(this.now + BACKUP_MS)
        if (event.upkeep_at !== null) this.wantAlarm(Math.max(event.upkeep_at, this.now + BACKUP_MS))
        this.pump()
        break
      case 'wake_refused':
        this.wantAlarm(event.due_at)
        break
      case 'configured':
        this.configure(event.rules, event.cancel_below)
        break
      case 'released':
        this.schedule(event.due_at)
        this.pump()
        break
      case 'retry':
        this.update(event.delivery.position, {
          state: event.delivery.failures > 0 ? 'waiting' : 'pending',
          due_at: this.now,
          failures: event.delivery.failures,
        })
        this.pump()
        break
      case 'restart':
        this.restart(event.delivery, event.is_behind)
        break
      case 'cancel':
        this.end(event.delivery, 'cancelled')
        this.pump()
        break
      case 'erase':
        this.erase(event.delivery, event.is_finished)
        this.pump()
        break
      case 'unfinished':
        this.cancelPage(event.deliveries)
        break
      case 'reset_breaker':
        this.resetBreaker()
        this.pump()
        break
    }
  }

  /** One that lets everything through is only made to forget; any other lets traffic return slowly. */
  private resetBreaker(): void {
    const { state, ramp } = this.state.breaker
    if (state === 'closed' && ramp === null) this.setBreaker(CLOSED)
    else this.startSlowly()
  }

  private arrive({ position, order_key, is_behind, is_erased }: Arrival): void {
    const { rules, unfinished } = this.state
    if (is_erased) {
      // Whether there is room does not matter, since it takes none: it ends as it arrives.
      this.set({ unfinished: unfinished + 1 })
      this.effects.push({ kind: 'insert', position, due_at: null })
      this.end({ position, order_key: null, failures: 0, erased_at: this.now }, 'cancelled')
      return
    }
    if (unfinished >= rules.max_unfinished) {
      this.effects.push({ kind: 'refuse', position })
      return
    }
    this.set({ unfinished: unfinished + 1 })
    this.wantAlarm(this.now + BACKUP_MS)
    if (is_behind) {
      this.effects.push({ kind: 'insert', position, due_at: null })
    } else if (this.canStartAtOnce()) {
      // Written without a due time: one row instead of two, because the shell finds what was in
      // flight at a crash by its position. An ordered one is scheduled, so that its key stays held.
      this.effects.push({ kind: 'insert', position, due_at: order_key === null ? null : this.now })
      this.start({ position, order_key, failures: 0, erased_at: null })
    } else {
      this.effects.push({ kind: 'insert', position, due_at: this.now })
      this.schedule(this.now)
    }
  }

  /** What is already due goes first. */
  private canStartAtOnce(): boolean {
    const { breaker, next_due_at } = this.state
    return breaker.state === 'closed' && !(next_due_at !== null && next_due_at <= this.now) && this.capacity() > 0
  }

  /** How many attempts may start now. */
  private capacity(): number {
    const { rules, breaker, in_flight, cancel_below } = this.state
    if (rules.disabled !== null || cancel_below !== null) return 0
    if (breaker.state === 'half_open') return 0
    const free = concurrency(this.state) - in_flight.size
    // What was in flight when the breaker opened still counts, the more so when max_in_flight was lowered since.
    if (breaker.state === 'open') return this.now >= (breaker.open_until ?? 0) && free > 0 ? 1 : 0
    if (free <= 0 || rules.rate_limit_per_s === null) return Math.max(0, free)
    const bucket = this.refillBucket(rules.rate_limit_per_s)
    if (bucket.tokens < 1)
      this.effects.push({ kind: 'set_timer', at: this.now + untilToken(bucket, rules.rate_limit_per_s) })
    return Math.min(free, Math.floor(bucket.tokens))
  }

  private refillBucket(per_s: number): Bucket {
    const bucket = this.state.bucket === null ? fullBucket(per_s, this.now) : refill(this.state.bucket, per_s, this.now)
    this.set({ bucket })
    return bucket
  }

  private pump(): void {
    const { next_due_at, cancel_below } = this.state
    if (cancel_below !== null) {
      this.effects.push({ kind: 'load_unfinished', below: cancel_below })
      return
    }
    if (next_due_at === null || next_due_at > this.now) return
    const limit = this.capacity()
    if (limit > 0) this.effects.push({ kind: 'load_due', limit })
  }

  /** What was erased while it was in flight is due again when the process ended before the attempt did. */
  private startOrDrop(delivery: Stored): void {
    if (delivery.erased_at === null) this.start(delivery)
    else this.end(delivery, 'cancelled')
  }

  private start({ position, order_key, failures, erased_at }: Stored): void {
    const { breaker, rules } = this.state
    const is_probe = breaker.state === 'open'
    if (is_probe) this.set({ breaker: startProbe(breaker) })
    if (rules.rate_limit_per_s !== null) {
      // Looked at anew, because a probe asked for no token: what probes take must not pile up as debt.
      const bucket = this.refillBucket(rules.rate_limit_per_s)
      this.set({ bucket: { ...bucket, tokens: bucket.tokens - 1 } })
    }
    this.ownFlights().set(position, { is_probe, order_key, failures, erased_at })
    this.effects.push({ kind: 'attempt', position })
  }

  private finish(position: number, outcome: Outcome): void {
    const flight = this.state.in_flight.get(position)
    if (flight === undefined) return
    this.ownFlights().delete(position)
    if (outcome.kind === 'success') {
      this.setBreaker(
        flight.is_probe
          ? closeAfterProbe(this.state.breaker)
          : recordSuccess(this.state.breaker, this.state.rules.max_in_flight),
      )
      this.end({ ...flight, position }, 'succeeded')
    } else if (outcome.kind === 'interrupted') {
      if (flight.is_probe) this.setBreaker(abandonProbe(this.state.breaker, this.now))
      this.retryLater({ ...flight, position }, jittered(INTERRUPTED_MS, this.random))
    } else {
      this.fail({ ...flight, position }, flight.is_probe, outcome)
    }
  }

  private fail(delivery: Stored, is_probe: boolean, outcome: Extract<Outcome, { kind: 'failure' }>): void {
    if (outcome.is_gone) {
      // 410 is the receiver's explicit "never again" (Standard Webhooks, "Disabling endpoints"): retrying
      // would only add load where nobody listens. The delivery stays for whoever enables the endpoint.
      if (is_probe) this.setBreaker(abandonProbe(this.state.breaker, this.now))
      if (delivery.erased_at !== null) this.end(delivery, 'cancelled')
      else this.update(delivery.position, { state: 'pending', due_at: this.now, failures: delivery.failures })
      this.disable('gone')
      return
    }
    const failure = { now: this.now, retry_after_ms: outcome.retry_after_ms }
    if (outcome.blames_receiver) {
      this.setBreaker(
        is_probe
          ? reopenAfterProbe(this.state.breaker, failure, this.random)
          : recordFailure(this.state.breaker, failure, this.random),
      )
    } else if (is_probe) {
      this.setBreaker(abandonProbe(this.state.breaker, this.now))
    }
    this.retryOrBury({ ...delivery, failures: delivery.failures + 1 }, outcome.retry_after_ms)
    if (outcome.blames_receiver && this.hasFailedTooLong()) this.disable('failing')
  }

  private hasFailedTooLong(): boolean {
    const { failing_since } = this.state.breaker
    return failing_since !== null && this.now - failing_since >= this.state.rules.disable_after_ms
  }

  private retryOrBury(delivery: Stored, retry_after_ms: number | null): void {
    const { position, failures, erased_at } = delivery
    if (erased_at !== null) {
      this.end(delivery, 'cancelled')
      return
    }
    const delay_ms = nextDelay(this.state.rules.retry_delays_ms, failures, retry_after_ms, this.random)
    if (delay_ms === undefined) {
      this.end(delivery, 'dead')
      this.effects.push({ kind: 'dead_letter', position })
      return
    }
    this.retryLater(delivery, delay_ms)
  }

  private retryLater(delivery: Stored, delay_ms: number): void {
    const { position, failures, erased_at } = delivery
    if (erased_at !== null) {
      this.end(delivery, 'cancelled')
      return
    }
    const due_at = this.now + delay_ms
    this.update(position, { state: 'waiting', due_at, failures })
    this.effects.push({ kind: 'wake_later', position, due_at })
  }

  /** Ends a delivery and lets the next of its ordering key go. What the last attempt brought is erased with the rest. */
  private end({ position, order_key, failures, erased_at }: Stored, state: 'succeeded' | 'dead' | 'cancelled'): void {
    this.effects.push({ kind: 'update', position, change: { state, due_at: null, failures } })
    if (erased_at !== null) this.effects.push({ kind: 'erase', position })
    this.wantAlarm(this.now + BACKUP_MS)
    this.set({ unfinished: this.state.unfinished - 1 })
    if (order_key !== null) this.effects.push({ kind: 'release', order_key })
  }

  /** Nobody waits for an attempt that is under way: its content goes now, and what it brings as it ends. */
  private erase(delivery: Stored, is_finished: boolean): void {
    const { position } = delivery
    const erased_at = delivery.erased_at ?? this.now
    const flight = this.state.in_flight.get(position)
    if (flight === undefined && !is_finished) {
      this.end({ ...delivery, erased_at }, 'cancelled')
      return
    }
    if (flight !== undefined) this.ownFlights().set(position, { ...flight, erased_at })
    this.effects.push({ kind: 'erase', position })
    this.wantAlarm(this.now + BACKUP_MS)
  }

  private restart({ position }: Stored, is_behind: boolean): void {
    const due_at = is_behind ? null : this.now
    this.effects.push({ kind: 'requeue', position, change: { state: 'pending', due_at, failures: 0 } })
    this.wantAlarm(this.now + BACKUP_MS)
    this.set({ unfinished: this.state.unfinished + 1 })
    if (due_at !== null) this.schedule(due_at)
    this.pump()
  }

  private configure(rules: Rules, cancel_below: number | null): void {
    const was_disabled = this.state.rules.disabled !== null
    if (rules.rate_limit_per_s !== this.state.rules.rate_limit_per_s) this.set({ bucket: null })
    this.set({ rules })
    if (was_disabled && rules.disabled === null) this.startSlowly()
    if (cancel_below !== null) this.set({ cancel_below })
    this.effects.push({ kind: 'save_condition' })
    this.pump()
  }

  private cancelPage(deliveries: readonly Stored[]): void {
    for (const delivery of deliveries) this.end(delivery, 'cancelled')
    if (deliveries.length === 0) {
      this.set({ cancel_below: null })
      this.effects.push({ kind: 'save_condition' })
    }
    this.pump()
  }

  private disable(reason: DisabledReason): void {
    if (this.state.rules.disabled !== null) return
    this.set({ rules: { ...this.state.rules, disabled: reason } })
    this.effects.push({ kind: 'disable', reason }, { kind: 'save_condition' })
  }

  private update(position: number, change: Change): void {
    this.effects.push({ kind: 'update', position, change })
    this.wantAlarm(this.now + BACKUP_MS)
    if (change.due_at !== null) this.schedule(change.due_at)
  }

  private schedule(due_at: number): void {
    this.set({ next_due_at: Math.min(due_at, this.state.next_due_at ?? due_at) })
  }

  /** A probe that is still out becomes an attempt like any other: its end must not decide about a later probe. */
  private startSlowly(): void {
    const flights = this.ownFlights()
    for (const [position, flight] of flights) flights.set(position, { ...flight, is_probe: false })
    this.setBreaker(SLOW_START)
  }

  private setBreaker(breaker: Breaker): void {
    const before = this.state.breaker
    this.set({ breaker })
    const has_moved = before.state !== breaker.state && !(before.state === 'half_open' && breaker.state === 'open')
    if (has_moved)
      this.effects.push({ kind: 'announce', event: breaker.state === 'open' ? 'breaker_opened' : 'breaker_closed' })
    if (
      before.state !== breaker.state ||
      before.openings !== breaker.openings ||
      // Without it, an object that rests between two messages would begin to count anew each time.
      before.consecutive_failures !== breaker.consecutive_failures ||
      before.failing_since !== breaker.failing_since
    ) {
      this.effects.push({ kind: 'save_condition' })
    }
  }

  private wantAlarm(at: number): void {
    this.wanted_alarm_at = Math.min(at, this.wanted_alarm_at ?? at)
  }

  private ownFlights(): Map<number, Flight> {
    if (this.flights === null) {
      this.flights = new Map(this.state.in_flight)
      this.set({ in_flight: this.flights })
    }
    return this.flights
  }

  private set(change: Partial<EndpointState>): void {
    this.state = { ...this.state, ...change }
  }

  /** Last step of every decision: an alarm is always set while work is pending, and rarely set anew. */
  settle(before: EndpointState): void {
    const { in_flight, next_due_at, breaker, rules, cancel_below } = this.state
    if (in_flight.size > 0 || cancel_below !== null) this.wantAlarm(this.now + BACKUP_MS)
    // While a probe is out nothing else may go: its end is what the rest waits for, not a moment.
    if (rules.disabled === null && next_due_at !== null && breaker.state !== 'half_open') {
      const at = Math.max(next_due_at, breaker.state === 'open' ? (breaker.open_until ?? 0) : 0)
      // What came due while the breaker was open has no queue message to count on.
      const is_only_clock = breaker.state === 'open' || before.breaker.state !== 'closed'
      // Never for this moment: what can go now is already being loaded, so it would only ring in vain.
      this.wantAlarm(is_only_clock && at > this.now ? at : Math.max(at, this.now) + BACKUP_MS)
    }
    const { alarm_at } = this.state
    if (this.wanted_alarm_at === null || (alarm_at !== null && alarm_at <= this.wanted_alarm_at)) return
    this.set({ alarm_at: this.wanted_alarm_at })
    this.effects.push({ kind: 'set_alarm', at: this.wanted_alarm_at })
  }
}
