/**
 * The life of an object's process: it starts when something calls it, runs turn by turn, and ends at any
 * moment. What it remembered, its timers and the answers it waited for end with it; its disk stays.
 */
import type { Disk } from './disk.ts'
import { Gate } from './gate.ts'
import type { CrashWhen } from './scenario.ts'
import type { World } from './world.ts'

/** The process ends here. */
class Killed extends Error {}

export interface Phases {
  /** Begins in a new process, from the disk. */
  begin: () => void
  /** Memory is gone; what was not committed is about to be taken back. */
  forget: () => void
  /** All of that is done. */
  ended: () => void
}

export class Process {
  readonly gate: Gate
  private readonly world: World
  private readonly disk: Disk
  private readonly phases: Phases
  private life = 0
  is_awake = false
  private crash_after_commit = false
  private effects_until_crash = Number.POSITIVE_INFINITY

  constructor(world: World, disk: Disk, phases: Phases, answers_early: boolean) {
    this.world = world
    this.disk = disk
    this.phases = phases
    this.gate = new Gate(world, disk, answers_early)
    this.gate.onCommit = () => this.mayEndAfterCommit()
  }

  /** Tells, whenever it is asked, whether the process is still the one of now. */
  lifeline(): () => boolean {
    const { life } = this
    return () => life === this.life
  }

  // --- running ---

  /** Starts the process if there is none. False when that killed it. */
  rouse(): boolean {
    if (this.is_awake) return true
    this.is_awake = true
    return this.turn(this.phases.begin)
  }

  /** One uninterrupted run of the object's code. False when the process ended in it. */
  turn(what: () => void): boolean {
    if (!this.rouse()) return false
    try {
      what()
    } catch (error) {
      if (!(error instanceof Killed)) throw error
      this.world.fault('crash: between two effects')
      this.end()
      return false
    }
    this.gate.closeTurn()
    return true
  }

  /** A call from outside: its answer leaves with the commit, and a crash before that fails it. */
  call<T>(what: () => T, answered: (answer: T) => void, failed: () => void): void {
    const lost = () => {
      this.world.fault('answer to a caller lost')
      failed()
    }
    const done = this.turn(() => {
      const answer = what()
      this.gate.output(() => answered(answer), lost)
    })
    if (!done) lost()
  }

  /** Runs later in this process, or never. */
  later(delay_ms: number, what: () => void): void {
    const isAlive = this.lifeline()
    this.world.after(delay_ms, () => {
      if (isAlive()) this.turn(what)
    })
  }

  /** Asks something outside: the question leaves with the commit; its answer is a turn of its own. */
  ask<T>(
    question: (done: (answer: T) => void, failed: () => void) => void,
    done: (answer: T) => void,
    failed: () => void,
  ): void {
    const isAlive = this.lifeline()
    const ifAlive = <A extends unknown[]>(what: (...answer: A) => void) => {
      return (...answer: A) => {
        if (isAlive()) this.turn(() => what(...answer))
      }
    }
    this.gate.output(() => question(ifAlive(done), ifAlive(failed)))
  }

  // --- ending ---

  crash(when: CrashWhen): void {
    if (when === 'after_commit') this.crash_after_commit = true
    else if (when !== 'now') this.effects_until_crash = when.before_effect
    else if (this.is_awake) {
      this.world.fault(this.gate.has_uncommitted ? 'crash: before the commit' : 'crash: idle or between turns')
      this.end()
    }
  }

  /** @throws Killed, when the process is to end before its next effect */
  beforeEffect(): void {
    if (this.effects_until_crash-- <= 0) throw new Killed()
  }

  /** No crash that was to come comes any more. */
  heal(): void {
    this.crash_after_commit = false
    this.effects_until_crash = Number.POSITIVE_INFINITY
  }

  end(): void {
    const { alarm_at } = this.disk.meta
    this.life++
    this.is_awake = false
    this.effects_until_crash = Number.POSITIVE_INFINITY
    this.phases.forget()
    this.gate.crash()
    if (this.disk.meta.alarm_at !== alarm_at) this.world.fault('alarm rolled back')
    this.phases.ended()
  }

  private mayEndAfterCommit(): boolean {
    if (!this.crash_after_commit) return false
    this.crash_after_commit = false
    this.world.fault('crash: after the commit, nothing left')
    this.end()
    return true
  }
}
