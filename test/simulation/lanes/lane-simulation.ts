/** One run of lanes: a scenario happens to them under watch, then all heals, and everything must come to its end. */
import { DAY, HOUR, MINUTE } from '../given.ts'
import { type Failure, runWatched } from '../simulation.ts'
import { Violation } from '../world.ts'
import type { LaneEndpoint } from './lane-endpoint.ts'
import { type LaneOptions, LanePlatform } from './lane-platform.ts'
import type { LaneScenario, LaneStep } from './lane-scenario.ts'

const DRAINED_WITHIN_MS = 4 * DAY
const HAPPENINGS_MAX = 100_000
/** An endpoint that disabled itself on what was still under way is enabled again, but not for ever. */
const ENABLINGS_MAX = 10

/** Runs a scenario; null when every rule held to the end. */
export function simulateLanes(scenario: LaneScenario, options: LaneOptions): Failure | null {
  return runWatched(new LaneSimulation(scenario, options), options)
}

class LaneSimulation {
  readonly platform: LanePlatform
  steps_taken = 0
  private readonly steps: readonly LaneStep[]
  private happened = 0

  constructor(scenario: LaneScenario, options: LaneOptions) {
    this.steps = scenario.steps
    this.platform = new LanePlatform(scenario, options)
  }

  run(): void {
    const { world, coverage } = this.platform
    for (const step of this.steps) {
      this.passUntil(step.at)
      this.steps_taken++
      coverage.count('steps taken', step.does)
      world.say(() => `${world.now} step ${this.steps_taken}: ${JSON.stringify(step)}`)
      this.take(step)
    }
    this.passUntil(world.now + MINUTE)
    this.drain()
  }

  private take(step: LaneStep): void {
    const { platform } = this
    const { world, operator, receivers } = platform
    switch (step.does) {
      case 'publish':
        platform.publish(step.who, step.batch)
        break
      case 'republish':
        platform.republish(step.who, step.nth)
        break
      case 'relayout':
        operator.relayout(step.lanes, step.pushed)
        break
      case 'mood':
        receivers.setMood(0, step.mood, step.retry_after_ms)
        break
      case 'crash':
        platform.lanes.get(step.lane)?.process.crash(step.when)
        break
      case 'call':
      case 'push':
        world.afflict(step.does === 'call' ? `call.${step.fault}` : `push.${step.fault}`, step.for_ms, step.share)
        break
      case 'database':
        world.afflict(`database.${step.fault}`, step.for_ms)
        break
      case 'queue':
        world.afflict(`queue.${step.fault}`, step.for_ms, step.share)
        break
      case 'interrupt':
        world.afflict('interrupt', step.for_ms, step.share)
        break
      case 'configure':
        operator.configure(step)
        break
      case 'disable':
        operator.disable(step.pushed)
        break
      case 'enable':
        operator.enable(step.parked, step.pushed)
        break
      case 'retry':
      case 'cancel':
      case 'redrive': {
        const sent = platform.nth(step.nth)
        if (sent !== undefined) operator.control(step.does, sent.message)
        break
      }
      case 'redrive_all':
      case 'replay_all':
        operator.restartAll(step.does === 'redrive_all' ? 'dead' : 'finished')
        break
      case 'reset_breaker':
        for (const lane of platform.lanes.values()) lane.resetBreaker()
        break
    }
  }

  // --- time ---

  private passUntil(end: number): void {
    const { world } = this.platform
    while (this.next() <= end) this.happen()
    world.now = end
  }

  private next(): number {
    return Math.min(this.platform.world.agenda.next_at, this.firstAlarm().at)
  }

  private firstAlarm(): { at: number; lane: LaneEndpoint | null } {
    const { world, lanes } = this.platform
    let first: { at: number; lane: LaneEndpoint | null } = { at: Number.POSITIVE_INFINITY, lane: null }
    for (const lane of lanes.values()) {
      const { alarm_at } = lane.disk.meta
      if (alarm_at === null) continue
      const at = Math.max(world.now, world.momentOf(alarm_at))
      if (at < first.at) first = { at, lane }
    }
    return first
  }

  private happen(): void {
    const { world } = this.platform
    if (++this.happened > HAPPENINGS_MAX) throw new Violation('it never comes to rest')
    const { at, lane } = this.firstAlarm()
    const { next_at } = world.agenda
    world.now = Math.max(world.now, Math.min(next_at, at))
    if (lane !== null && at < next_at) lane.ringAlarm()
    else world.agenda.take()?.()
  }

  // --- the end ---

  private drain(): void {
    const { world, operator, receivers, lanes, rules } = this.platform
    world.say(() => `${world.now} everything heals`)
    world.heal()
    receivers.heal()
    for (const lane of lanes.values()) lane.process.heal()
    const deadline = world.now + DRAINED_WITHIN_MS
    this.passUntil(world.now + MINUTE)
    operator.enable('deliver', true)
    this.passUntil(world.now + MINUTE)
    for (let enablings = 0; !this.isDone(); ) {
      if (this.isDisabled() && enablings++ < ENABLINGS_MAX) {
        operator.enable('deliver', true)
        this.passUntil(world.now + HOUR / 2)
      } else {
        if (this.next() > deadline) throw new Violation(`it never drains: ${this.whatIsLeft()}`)
        this.happen()
      }
    }
    // Who has drained tells the others, and reports what a crash kept it from reporting.
    this.passUntil(world.now + 5 * MINUTE)
    rules.checkAtRest()
  }

  private isDisabled(): boolean {
    for (const { disk } of this.platform.lanes.values()) {
      if (disk.meta.settings !== null && disk.meta.settings.rules.disabled !== null) return true
    }
    return false
  }

  private isDone(): boolean {
    if (this.platform.queued > 0) return false
    for (const lane of this.platform.lanes.values()) {
      if (lane.disk.rows.unfinished_count > 0) return false
      if (lane.process.is_awake && !lane.isSettled()) return false
    }
    return true
  }

  private whatIsLeft(): string {
    const left = [...this.platform.lanes].map(([n, lane]) => `${lane.disk.rows.unfinished_count} in lane ${n}`)
    return `${left.join(', ')}, ${this.platform.queued} queued`
  }
}
