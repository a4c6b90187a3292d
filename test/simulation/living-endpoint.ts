/** An Endpoint's object in its process: what the core's effects reach there, and who watches its decisions. */
import {
  type Effect,
  type EndpointEvent,
  isHeld,
  type Outcome,
  type Rules,
} from '../../durable-objects/endpoint/machine.ts'
import { withoutBlame } from '../../durable-objects/endpoint/outcome.ts'
import { countStep } from './count-step.ts'
import type { Database } from './database.ts'
import { type DeadLetter, Disk } from './disk.ts'
import { type Arriving, type Core, EndpointModel } from './endpoint-model.ts'
import { Expectations } from './expectations.ts'
import { SECOND } from './given.ts'
import { Process } from './process.ts'
import { Projection } from './projection.ts'
import type { Receivers } from './receivers.ts'
import type { Row } from './rows.ts'
import { mayStartUnlimited } from './rules-of-delivery.ts'
import type { Settings } from './scenario.ts'
import { SettingsCopy } from './settings-copy.ts'
import { Violation, type World } from './world.ts'

/** Small, so that runs come past it. */
const CANCEL_PAGE = 5
const REFUSAL_MS = 5

/** Rules of an object that has not been told its settings: it holds nothing and starts nothing. */
const NO_RULES: Rules = {
  disabled: 'manual',
  retry_delays_ms: [],
  max_in_flight: 1,
  rate_limit_per_s: null,
  disable_after_ms: 0,
  max_unfinished: 0,
}

/** What an object reaches. */
export interface Surroundings {
  world: World
  database: Database
  receivers: Receivers
  /** Into the retries queue; false when it refuses. */
  sendWake: (position: number, delay_ms: number) => boolean
  sendDeadLetters: (letters: readonly DeadLetter[]) => boolean
  core: Core | undefined
  /** A mutant of the platform: answers leave before the commit. */
  answers_early: boolean
}

export abstract class LivingEndpoint extends EndpointModel {
  readonly disk: Disk
  readonly process: Process
  protected readonly world: World
  protected readonly reach: Surroundings
  protected readonly settings: SettingsCopy
  protected projection: Projection
  private readonly expectations: Expectations
  private timer: { at: number } | null = null
  private is_cancelling = false
  private last_seq = 0
  /** Attempts made by this process that have not ended. */
  private readonly outstanding = new Set<number>()
  /** When an attempt last began or none could, on the clock that never goes back. */
  moved_at = 0
  /** Effects that an alarm may have been for. */
  progress = 0
  /** Called when a crash has taken back what was not committed. */
  onCrash: () => void = () => {}

  constructor(reach: Surroundings) {
    const disk = new Disk()
    super(NO_RULES, disk.rows, reach.core)
    this.disk = disk
    this.reach = reach
    this.world = reach.world
    this.random = reach.world.jitter.next
    const phases = { begin: () => this.begin(), forget: () => this.forget(), ended: () => this.onCrash() }
    this.process = new Process(reach.world, disk, phases, reach.answers_early)
    this.settings = new SettingsCopy(this.process, disk, reach.database)
    this.expectations = new Expectations(disk.rows)
    this.projection = this.newProjection()
  }

  private begin(): void {
    const { disk, world } = this
    const { condition, alarm_at, settings } = disk.meta
    this.settings.current = settings
    this.projection = this.newProjection()
    this.forgetBacklog()
    disk.rows.rescheduleInterrupted(this.projection.watermark, world.wall)
    this.state = this.core.restingState(settings === null ? NO_RULES : this.rulesOf(settings), {
      ...condition,
      next_due_at: this.nextDueAt(new Map()),
      unfinished: disk.rows.unfinished_count,
      alarm_at,
    })
    if (condition?.breaker.state === 'half_open') {
      world.coverage.count('breaker transitions', 'half_open → open (restarted)')
    }
    this.expectations.restarted(this.state)
    this.projection.recover()
    this.run({ kind: 'woken' })
  }

  protected forget(): void {
    if (this.outstanding.size > 0) this.world.fault('crash: attempts in flight lost')
    this.outstanding.clear()
    this.timer = null
    this.is_cancelling = false
    this.settings.forget()
  }

  /** What of the settings this object goes by: all of it, where it is the endpoint's only one. */
  protected rulesOf({ rules }: Settings): Rules {
    return rules
  }

  // --- decisions, watched ---

  override run(event: EndpointEvent, arriving?: Arriving): void {
    const { wall, now } = this.world
    if (!mayStartUnlimited(this.state, wall)) this.moved_at = now
    super.run(event, arriving)
    if (!mayStartUnlimited(this.state, wall)) this.moved_at = now
    // The refusal of a clock only sets another clock.
    if (event.kind !== 'wake_refused') this.expectations.checkRest(this.state, this.world.wall, this.timer !== null)
  }

  protected override step(event: EndpointEvent): readonly Effect[] {
    const before = this.state
    const effects = super.step(event)
    this.world.say(() => `    ${event.kind} → ${effects.map(shown).join(', ') || 'nothing'}`)
    countStep(this.world.coverage, event, before, this.state, effects)
    this.expectations.check({ event, before, after: this.state, effects, now: this.world.wall })
    return effects
  }

  protected override perform(effect: Effect): void {
    this.process.beforeEffect()
    if (effect.kind !== 'set_alarm' && effect.kind !== 'load_due') this.progress++
    super.perform(effect)
    if (effect.kind === 'insert' && isHeld(this.state)) this.world.coverage.count('delivery states', 'parked')
  }

  // --- what effects reach ---

  protected override wallClock(): number {
    return this.world.wall
  }

  protected override alarmAt(): number | null {
    return this.disk.meta.alarm_at
  }

  protected override setAlarm(at: number): void {
    this.disk.write({ alarm_at: at })
  }

  protected override setTimer(at: number): void {
    if (this.timer !== null && this.timer.at <= at) return
    const timer = { at }
    this.timer = timer
    this.process.later(Math.max(1, at - this.world.wall), () => {
      if (this.timer !== timer) return
      this.timer = null
      this.run({ kind: 'woken' })
    })
  }

  protected override saveCondition(): void {
    const { breaker, cancel_below } = this.state
    this.disk.write({ condition: { breaker, cancel_below } })
  }

  protected override touched(position: number): void {
    this.projection.touch(position)
  }

  /** Below the watermark a restart does not look: what arrives there late needs a due time to be found. */
  protected override findableAt({ position, order_key }: Omit<Row, 'due_at'>, due_at: number | null): number | null {
    const is_below = order_key === null && position < this.projection.watermark
    return due_at ?? (is_below ? this.world.wall : null)
  }

  /** Grows as long as the object lives, through crashes and whatever the clock says. */
  protected override nextSeq(): number {
    return ++this.last_seq
  }

  protected override wakeLater(position: number, due_at: number): void {
    const delay_ms = secondsUntil(due_at, this.world.wall)
    this.process.ask<void>(
      (_, refused) => {
        if (!this.reach.sendWake(position, delay_ms)) this.world.after(REFUSAL_MS, refused)
      },
      () => {},
      () => this.run({ kind: 'wake_refused', due_at }),
    )
  }

  protected override launch(position: number): void {
    const { message, order_key, seq } = this.disk.rows.at(position)
    const { current } = this.settings
    if (current === null) throw new Violation('an attempt started without a destination')
    if (this.outstanding.has(position)) throw new Violation('one delivery was attempted twice at once')
    this.outstanding.add(position)
    this.moved_at = this.world.now
    const { url, timeout_ms } = current
    const isAlive = this.process.lifeline()
    const isAwaited = () => isAlive() && this.outstanding.has(position)
    this.process.ask<Outcome>(
      (done) => {
        // Deleted meanwhile: the process is about to end.
        if (this.disk.rows.find(position) === undefined) return
        if (order_key !== null && this.disk.rows.head(order_key)?.position !== position) {
          throw new Violation('a request left before its turn in its ordering key')
        }
        this.reach.receivers.send({ message, url, timeout_ms, order_key, seq, isAwaited }, done)
      },
      (outcome) => {
        this.outstanding.delete(position)
        // What an earlier URL answered says nothing about the one that takes its place.
        const is_blamed = url === this.settings.current?.url
        this.run({ kind: 'finished', position, outcome: is_blamed ? outcome : withoutBlame(outcome) })
      },
      () => {},
    )
  }

  protected override cancelNextPage(below: number): void {
    if (this.is_cancelling) return
    this.is_cancelling = true
    this.process.later(0, () => {
      this.is_cancelling = false
      const deliveries = this.disk.rows.unfinishedBelow(below, this.state.in_flight, CANCEL_PAGE)
      this.run({ kind: 'unfinished', deliveries })
    })
  }

  protected override announce(): void {}

  private newProjection(): Projection {
    const { disk, process } = this
    const { database } = this.reach
    const watermark = Math.max(disk.rows.newest()?.watermark ?? 0, disk.meta.watermark)
    const write = (rows: readonly Row[], done: (is_slow: boolean) => void, failed: () => void) => {
      const project = () => database.project(rows)
      process.ask<boolean>(
        (written, refused) => database.query(project, (_, slow) => written(slow), refused),
        done,
        failed,
      )
    }
    const later = (delay_ms: number, what: () => void) => process.later(delay_ms, what)
    const lowestInFlight = () => Math.min(Number.POSITIVE_INFINITY, ...this.state.in_flight.keys())
    return new Projection({ disk, later, write, lowestInFlight }, watermark)
  }
}

/** A queue counts in seconds. */
export function secondsUntil(due_at: number, now: number): number {
  return Math.max(0, Math.ceil((due_at - now) / SECOND)) * SECOND
}

function shown(effect: Effect): string {
  const { kind, ...rest } = effect
  const words = 'change' in rest ? [`${rest.position}`, rest.change.state] : Object.values(rest).map(String)
  return [kind, ...words].join(' ')
}
