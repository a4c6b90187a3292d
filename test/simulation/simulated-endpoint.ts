/** What others may ask of the Endpoint's object, and what it does when its alarm rings. */
import { isHeld } from '../../durable-objects/endpoint/machine.ts'
import { orderKey } from '../../durable-objects/endpoint/order.ts'
import { endPosition, firstPosition } from '../../durable-objects/endpoint/position.ts'
import type { DisabledReason } from '../../durable-objects/endpoint/rpc.ts'
import { DeadLetterOutbox } from './dead-letter-outbox.ts'
import { LivingEndpoint, type Surroundings } from './living-endpoint.ts'
import { expired, markBurst, nextUpkeepAt, UPKEEP_MS_MIN } from './retention.ts'
import { isFinished, type Row } from './rows.ts'
import type { Settings } from './scenario.ts'

export interface Item {
  message: number
  key: string | null
  accepted_at: number
}

export type EnqueueAnswer = 'accepted' | 'duplicate' | 'full' | 'gone'

export class SimulatedEndpoint extends LivingEndpoint {
  private readonly outbox: DeadLetterOutbox
  private tidied_at = Number.NEGATIVE_INFINITY
  protected refused = new Set<number>()
  /** Messages whose retention has ended. */
  readonly expired = new Set<number>()
  /** Messages that died, be it in a turn that was taken back. */
  readonly deaths = new Set<number>()
  deleted = false

  constructor(reach: Surroundings) {
    super(reach)
    this.outbox = new DeadLetterOutbox(this.process, this.disk, reach.sendDeadLetters)
  }

  // --- what others may ask ---

  enqueue(
    items: readonly Item[],
    version: number,
    answered: (answers: EnqueueAnswer[]) => void,
    failed: () => void,
  ): void {
    const place = (settings: Settings | null) => {
      if (settings === null) answered(items.map(() => 'gone'))
      else this.process.call(() => this.place(items, this.adopt(settings)), answered, failed)
    }
    this.settings.atLeast(version, place, failed)
  }

  wake(position: number, answered: (due_at: number | null) => void, failed: () => void): void {
    const rest = () => {
      this.run({ kind: 'woken' })
      const due_at = this.state.in_flight.has(position) ? null : (this.disk.rows.find(position)?.due_at ?? null)
      return due_at !== null && due_at > this.world.wall && !isHeld(this.state) ? due_at : null
    }
    this.process.call(rest, answered, failed)
  }

  configure(settings: Settings, failed: () => void): void {
    const adopt = (newer: Settings | null) => {
      if (newer !== null) this.process.call(() => this.adopt(newer), ignore, failed)
    }
    // An object that knows nothing may be one that was emptied a moment ago: only the database can tell.
    if (!this.process.rouse()) failed()
    else if (this.settings.current !== null) adopt(settings)
    else this.settings.atLeast(settings.version, adopt, failed, settings.layout?.epoch)
  }

  control(what: 'retry' | 'cancel' | 'redrive', message: number): void {
    const act = () => {
      const row = this.disk.rows.of(message)
      if (row === undefined) return
      const is_busy = this.state.in_flight.has(row.position)
      // Nothing is left that could be sent again.
      if (row.erased_at !== null && what !== 'cancel') return
      if (what === 'cancel') {
        if (!isFinished(row) && !is_busy) this.run({ kind: 'cancel', delivery: row })
      } else if (isFinished(row)) {
        if (what === 'retry' || row.state === 'dead') this.restart(row)
      } else if (what === 'retry' && row.due_at !== null && !is_busy) {
        this.run({ kind: 'retry', delivery: row })
      }
    }
    this.process.call(act, ignore, ignore)
  }

  /** Whatever state it is in, or before it arrives. */
  erase(message: number): void {
    const act = () => {
      this.disk.write({ erased: new Set(this.disk.meta.erased).add(message) })
      const row = this.disk.rows.of(message)
      if (row !== undefined) this.run({ kind: 'erase', delivery: row, is_finished: isFinished(row) })
    }
    this.process.call(act, ignore, ignore)
  }

  resetBreaker(): void {
    this.process.call(() => this.run({ kind: 'reset_breaker' }), ignore, ignore)
  }

  /** Everything goes, and the process with it. */
  remove(): void {
    this.deleted = true
    this.disk.wipe()
    this.process.gate.commitNow()
    this.process.end()
  }

  // --- the alarm ---

  ringAlarm(): void {
    this.process.turn(() => {
      const was_loose = this.hasLoose()
      this.ring(was_loose)
      const tidy = () => {
        this.tidy()
        // What only kept the alarm coming is done: back to sleep for as long as the rest allows.
        if (was_loose && !this.hasLoose()) this.ring(false)
      }
      this.projection.flush(() => this.outbox.send(() => this.settings.report(() => this.reportDrained(tidy))))
    })
  }

  private ring(unflushed: boolean): void {
    const { rows, meta } = this.disk
    const next_due_at = this.nextDueAt()
    if (meta.alarm_at !== null) this.disk.write({ alarm_at: null })
    const upkeep_at = nextUpkeepAt(rows, this.settings.current, this.world.wall)
    this.run({ kind: 'alarm', next_due_at, upkeep_at, unflushed })
  }

  /** Something that only memory or an outbox holds on to. */
  protected hasLoose(): boolean {
    const { outbox, unreported } = this.disk.meta
    return this.projection.isBehind() || outbox.length > 0 || unreported !== null
  }

  /** What a lane among others has to tell (lanes/). */
  protected reportDrained(then: () => void): void {
    then()
  }

  /** Nothing is on its way anywhere. */
  isSettled(): boolean {
    const { is_awake, gate } = this.process
    return is_awake && !this.hasLoose() && !gate.has_uncommitted && this.state.in_flight.size === 0
  }

  private tidy(): void {
    const { current } = this.settings
    const now = this.world.wall
    if (current === null) return
    if (now - this.tidied_at >= UPKEEP_MS_MIN) {
      const ended = expired(this.disk, now - current.retention_ms, this.projection.watermark)
      if (ended.length > 0) this.tidied_at = now
      for (const { message, position } of ended) {
        this.expired.add(message)
        this.disk.rows.delete(position)
      }
    }
    if (!this.hasLoose() && this.state.in_flight.size === 0) markBurst(this.disk, this.projection.watermark)
  }

  // --- what effects reach ---

  protected override refuse(position: number): void {
    this.refused.add(position)
  }

  protected override deadLetter(position: number): void {
    const { message } = this.disk.rows.at(position)
    this.deaths.add(message)
    this.outbox.add(message, this.world.wall)
  }

  protected override disable(reason: DisabledReason): void {
    this.settings.disable(reason)
  }

  protected override forget(): void {
    super.forget()
    this.outbox.forget()
    this.tidied_at = Number.NEGATIVE_INFINITY
  }

  // --- arriving ---

  private place(items: readonly Item[], { ordering }: Settings): EnqueueAnswer[] {
    const { rows } = this.disk
    const { watermark } = this.projection
    const unchanging = {
      state: 'pending',
      failures: 0,
      revision: 1,
      finished_at: null,
      erased_at: null,
      watermark,
    } as const
    const arriving = new Map<number, Omit<Row, 'due_at'>>()
    const places = items.map(({ message, key, accepted_at }) => {
      if (rows.of(message) !== undefined) return null
      let position = rows.free(firstPosition(accepted_at), endPosition(accepted_at))
      while (arriving.has(position)) position++
      const order_key = this.disk.meta.erased.has(message) ? null : orderKey(ordering, key)
      const seq = order_key === null ? 0 : this.nextSeq()
      arriving.set(position, { ...unchanging, position, order_key, seq, message })
      return position
    })
    this.refused = new Set()
    const keyed = [...arriving.values()].map((row) => ({ ...row, is_erased: this.disk.meta.erased.has(row.message) }))
    this.run({ kind: 'enqueued', arrivals: this.arrivals(keyed) }, arriving)
    return places.map((at) => (at === null ? 'duplicate' : this.refused.has(at) ? 'full' : 'accepted'))
  }

  protected restart(row: Row): void {
    const is_behind = row.order_key !== null && this.disk.rows.head(row.order_key) !== undefined
    this.run({ kind: 'restart', delivery: row, is_behind })
  }

  /** Takes over settings that are newer than its own; answers what holds now. */
  protected adopt(settings: Settings): Settings {
    const before = this.settings.current
    if (before !== null && settings.version <= before.version) return before
    // A new object is not one that was disabled: it has nothing to be careful about.
    if (before === null) this.state = { ...this.state, rules: this.rulesOf(settings) }
    const rules = this.rulesOf(this.settings.write(settings))
    const { cancel_before } = settings
    const cancels = before !== null && cancel_before !== before.cancel_before && isHeld(this.state)
    const cancel_below = cancels && cancel_before !== null ? firstPosition(cancel_before) : null
    this.run({ kind: 'configured', rules, cancel_below })
    return settings
  }
}

function ignore(): void {}
