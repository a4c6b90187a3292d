/** An Endpoint whose clocks are told what time it is, and whose platform fails only when a test says so. */
import {
  type EndpointState,
  isHeld,
  type Outcome,
  type Rules,
  restingState,
} from '../../../durable-objects/endpoint/machine.ts'
import { EndpointModel } from '../../simulation/endpoint-model.ts'
import { QUEUE_DELAY_MAX, RULES } from '../../simulation/given.ts'
import { isFinished } from '../../simulation/rows.ts'

const CANCEL_PAGE = 3
const RINGS_MAX = 20_000

export class ModelEndpoint extends EndpointModel {
  now = Date.UTC(2026, 0, 1)
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
    super({ ...RULES, ...rules })
  }

  // --- what happens to it ---

  /** Messages that arrive in one call; each is an ordering key, or null. Answers their positions. */
  publish(...order_keys: (string | null)[]): number[] {
    const keyed = (order_keys.length === 0 ? [null] : order_keys).map((order_key) => {
      return { position: ++this.last_seq, order_key }
    })
    const unchanging = {
      state: 'pending',
      failures: 0,
      watermark: 0,
      revision: 1,
      finished_at: null,
      erased_at: null,
    } as const
    const arriving = keyed.map(({ position, order_key }) => {
      return [position, { ...unchanging, position, order_key, seq: position, message: position }] as const
    })
    this.run({ kind: 'enqueued', arrivals: this.arrivals(keyed) }, new Map(arriving))
    return keyed.map(({ position }) => position)
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

  erase(position: number): void {
    const delivery = this.rows.at(position)
    this.run({ kind: 'erase', delivery, is_finished: isFinished(delivery) })
  }

  /** A message that comes when its content has been erased. */
  arriveErased(): number {
    const position = ++this.last_seq
    const row = {
      state: 'pending',
      failures: 0,
      watermark: 0,
      revision: 1,
      finished_at: null,
      erased_at: null,
    } as const
    const arriving = new Map([[position, { ...row, position, order_key: null, seq: position, message: position }]])
    this.run(
      { kind: 'enqueued', arrivals: [{ position, order_key: null, is_behind: false, is_erased: true }] },
      arriving,
    )
    return position
  }

  /** Redrive or replay of a finished delivery. */
  restart(position: number): void {
    const delivery = this.rows.at(position)
    const is_behind = delivery.order_key !== null && this.rows.head(delivery.order_key) !== undefined
    this.run({ kind: 'restart', delivery, is_behind })
  }

  /** The process is killed and comes back: what it had in memory is gone, what it had stored is not. */
  crash(): void {
    this.forgetBacklog()
    this.rows.rescheduleInterrupted(0, this.now)
    this.timer_at = null
    this.state = restingState(this.state.rules, {
      ...this.saved,
      next_due_at: this.nextDueAt(new Map()),
      alarm_at: this.alarm_at,
      unfinished: this.rows.unfinished_count,
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

  // --- clocks ---

  /** At its time, or once more because the platform rings at least once. */
  ringAlarm(): void {
    this.alarm_at = null
    this.alarms_rung++
    const next_due_at = this.nextDueAt()
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
      if (due_at !== null && due_at > this.now && !isHeld(this.state)) this.wakeLater(wake.position, due_at)
    }
  }

  // --- what the core's effects reach ---

  protected override wallClock(): number {
    return this.now
  }

  protected override alarmAt(): number | null {
    return this.alarm_at
  }

  protected override nextSeq(): number {
    return ++this.last_seq
  }

  protected override launch(position: number): void {
    this.attempts.push({ position, at: this.now })
  }

  protected override wakeLater(position: number, due_at: number): void {
    this.wakes.push({ position, rings_at: Math.min(due_at, this.now + QUEUE_DELAY_MAX) })
  }

  protected override setAlarm(at: number): void {
    this.alarm_at = at
    this.alarms_set++
  }

  protected override setTimer(at: number): void {
    this.timer_at = Math.min(at, this.timer_at ?? at)
  }

  protected override saveCondition(): void {
    this.saved = { breaker: this.state.breaker, cancel_below: this.state.cancel_below }
  }

  protected override cancelNextPage(below: number): void {
    if (this.is_cancelling) return
    this.is_cancelling = true
    this.follow(() => {
      this.is_cancelling = false
      const deliveries = this.rows.unfinishedBelow(below, this.state.in_flight, CANCEL_PAGE)
      return { kind: 'unfinished', deliveries }
    })
  }

  protected override refuse(position: number): void {
    this.refused.push(position)
  }

  protected override deadLetter(position: number): void {
    this.dead_letters.push(position)
  }

  protected override disable(reason: string): void {
    this.announced.push(`disabled: ${reason}`)
  }

  protected override announce(event: string): void {
    this.announced.push(event)
  }
}
