/** One run: a scenario happens to an Endpoint under watch, then all heals and everything must come to its end. */
import { BACKUP_MS } from '../../durable-objects/endpoint/machine.ts'
import { checkAtRest } from './at-rest.ts'
import { DAY, HOUR, MINUTE, SECOND } from './given.ts'
import { type Options, Platform } from './platform.ts'
import { mayStartUnlimited } from './rules-of-delivery.ts'
import type { Scenario, Step } from './scenario.ts'
import { takeStep } from './take-step.ts'
import { Violation } from './world.ts'

/** What the longest retry, its jitter, a clock set back and a long line behind one ordering key may add up to. */
const DRAINED_WITHIN_MS = 4 * DAY
const HAPPENINGS_MAX = 100_000
/**
 * An endpoint that disabled itself on what was still under way is enabled again, but not for ever. With a
 * clock that was set back, an enabling counts only once that clock has passed the moment of the disabling.
 */
const ENABLINGS_MAX = 10
const ENABLED_AGAIN_AFTER_MS = HOUR / 2
/** The alarm's own minute, and a moment to start a process. */
const OVERDUE_MS = BACKUP_MS + SECOND
/** Rings of the alarm that need no reason. */
const RINGS_FREE = 20

export interface Failure {
  message: string
  /** How many steps of the scenario had been taken. */
  step: number
  /** Milliseconds since the run began. */
  at: number
}

/** Runs a scenario; null when every rule held to the end. */
export function simulate(scenario: Scenario, options: Options): Failure | null {
  return runWatched(new Simulation(scenario, options), options)
}

/** What can be run and, when it fails, be asked how far it came. */
export interface Watchable {
  run(): void
  readonly steps_taken: number
  readonly platform: { readonly world: { readonly now: number } }
}

/** Runs to the end, or to the first rule that is broken. */
export function runWatched(simulation: Watchable, { trace }: Pick<Options, 'trace'>): Failure | null {
  try {
    simulation.run()
    return null
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const details = error instanceof Error && !(error instanceof Violation) ? `\n${error.stack}` : ''
    trace?.(`VIOLATION: ${message}${details}`)
    return { message, step: simulation.steps_taken, at: simulation.platform.world.now }
  }
}

class Simulation {
  readonly platform: Platform
  steps_taken = 0
  private readonly scenario: Scenario
  private happened = 0
  private alarm_not_before = 0
  private put_off: number | null = null
  /** Until then what is late is the platform's doing. */
  private excused_until = 0
  private rings = 0

  constructor(scenario: Scenario, options: Options) {
    this.scenario = scenario
    this.platform = new Platform(scenario, options)
  }

  run(): void {
    for (const step of this.scenario.steps) {
      this.passUntil(step.at)
      this.steps_taken++
      this.take(step)
    }
    this.passUntil(this.platform.world.now + MINUTE)
    this.heal()
    this.drain()
  }

  private take(step: Step): void {
    const { world } = this.platform
    world.coverage.count('steps taken', step.does)
    world.say(() => `${clock(world.now)} step ${this.steps_taken}: ${JSON.stringify(step)}`)
    takeStep(this.platform, step)
    // What a clock that jumps makes late is its own doing.
    if (step.does === 'clock') this.excused_until = Math.max(this.excused_until, world.now + OVERDUE_MS)
  }

  // --- time ---

  private passUntil(end: number): void {
    const { world } = this.platform
    while (this.next() <= end) this.happen()
    world.now = end
  }

  private next(): number {
    return Math.min(this.platform.world.agenda.next_at, this.alarmMoment())
  }

  private alarmMoment(): number {
    const { alarm_at } = this.platform.endpoint.disk.meta
    if (alarm_at === null) return Number.POSITIVE_INFINITY
    const { world } = this.platform
    return Math.max(world.now, world.momentOf(alarm_at), this.alarm_not_before)
  }

  private happen(): void {
    const { world } = this.platform
    if (++this.happened > HAPPENINGS_MAX) throw new Violation('it never comes to rest')
    const alarm_moment = this.alarmMoment()
    const { next_at } = world.agenda
    const at = Math.min(next_at, alarm_moment)
    this.checkPunctuality(at)
    world.now = Math.max(world.now, at)
    if (alarm_moment < next_at) this.ringAlarm()
    else world.agenda.take()?.()
  }

  private ringAlarm(): void {
    const { world, endpoint } = this.platform
    const { alarm_at } = endpoint.disk.meta
    const late = world.spell('alarm.late')
    if (late !== undefined && this.put_off !== alarm_at) {
      world.fault('alarm late')
      this.put_off = alarm_at
      this.alarm_not_before = world.now + late.by_ms
      this.excused_until = Math.max(this.excused_until, world.now + late.by_ms + OVERDUE_MS)
      return
    }
    this.put_off = null
    world.say(() => `${clock(world.now)} the alarm rings`)
    this.countRing()
    endpoint.ringAlarm()
    const repeated = world.spell('alarm.repeated')
    if (repeated === undefined) return
    world.fault('alarm repeated')
    world.after(repeated.by_ms, () => {
      if (!endpoint.deleted) endpoint.ringAlarm()
    })
  }

  /** An alarm rings for work or, while work waits, about once a minute: never in a circle. */
  private countRing(): void {
    const { world, endpoint } = this.platform
    this.rings++
    const reasons = RINGS_FREE + 2 * endpoint.progress + (1.5 * world.now) / BACKUP_MS
    if (this.rings > reasons) throw new Violation('the alarm rings in a circle')
  }

  /** Work that could start is noticed a minute late at most, whatever becomes of the faster clocks. */
  private checkPunctuality(until: number): void {
    const { world, endpoint } = this.platform
    const { state } = endpoint
    if (until <= this.excused_until || !endpoint.process.is_awake) return
    const due_at = endpoint.disk.rows.nextDueAt(state.in_flight)
    if (due_at === null) return
    // What a rate limit holds back waits for its turn behind others.
    const waits_from = state.rules.rate_limit_per_s === null ? 0 : endpoint.moved_at
    if (until - Math.max(world.momentOf(due_at), waits_from) <= OVERDUE_MS) return
    if (mayStartUnlimited(state, world.wall + (until - world.now) - OVERDUE_MS)) {
      throw new Violation('work was overdue and nothing noticed it')
    }
  }

  // --- the end ---

  private heal(): void {
    const { world, endpoint, receivers } = this.platform
    world.say(() => `${clock(world.now)} everything heals`)
    world.heal()
    receivers.heal()
    endpoint.process.heal()
    this.alarm_not_before = 0
  }

  private drain(): void {
    const { world, endpoint, operator } = this.platform
    const deadline = world.now + DRAINED_WITHIN_MS
    // What was under way when the receiver became well may still end badly.
    this.passUntil(world.now + MINUTE)
    if (endpoint.deleted) {
      this.stayAway(world.now + DAY)
      return
    }
    operator.enable('deliver', true)
    this.passUntil(world.now + MINUTE)
    for (let enablings = 0; !this.isDone(); ) {
      if (this.isDisabled() && enablings++ < ENABLINGS_MAX) {
        operator.enable('deliver', true)
        this.passUntil(world.now + ENABLED_AGAIN_AFTER_MS)
      } else {
        if (this.next() > deadline) throw new Violation(`it never drains: ${this.whatIsLeft()}`)
        this.happen()
      }
    }
    checkAtRest(this.platform)
    this.rest()
  }

  private isDisabled(): boolean {
    const { settings } = this.platform.endpoint.disk.meta
    return settings !== null && settings.rules.disabled !== null
  }

  private isDone(): boolean {
    const { endpoint, queued } = this.platform
    return queued === 0 && endpoint.disk.rows.unfinished_count === 0 && endpoint.isSettled()
  }

  private whatIsLeft(): string {
    const { endpoint, queued } = this.platform
    return `${endpoint.disk.rows.unfinished_count} unfinished, ${queued} queued`
  }

  /** With nothing to do no clock rings but retention's. */
  private rest(): void {
    const { world, endpoint } = this.platform
    this.passUntil(world.now + 3 * MINUTE)
    const { rings } = this
    this.passUntil(world.now + HOUR / 2)
    if (this.rings > rings + 1) throw new Violation('with nothing to do its alarm goes on ringing')
    if (endpoint.disk.rows.size > 0) return
    // Retention looks once more after it has deleted the last.
    this.passUntil(world.now + 2 * DAY)
    if (endpoint.disk.meta.alarm_at !== null) throw new Violation('an empty object has an alarm')
  }

  /** Nothing happens to what was deleted. */
  private stayAway(until: number): void {
    const { endpoint } = this.platform
    this.passUntil(until)
    if (endpoint.disk.rows.size > 0) throw new Violation('a deleted endpoint holds deliveries')
    if (endpoint.disk.meta.alarm_at !== null) throw new Violation('a deleted endpoint has an alarm')
  }
}

function clock(ms: number): string {
  const text = new Date(ms).toISOString().slice(11, 23)
  const days = Math.floor(ms / DAY)
  return days === 0 ? text : `${days}d ${text}`
}
