import { DurableObject } from 'cloudflare:workers'
import { markDisabled } from '../../src/endpoints/mark-disabled.ts'
import { loadEndpointSettings } from '../../src/endpoints/settings.ts'
import type { Bindings } from '../../src/env.ts'
import type { RetryMessage } from '../../src/queues/messages.ts'
import { type AttemptJob, type AttemptMeans, attempt, type FinishedAttempt, interrupted } from './attempt.ts'
import type { Breaker } from './breaker.ts'
import { Intake } from './intake.ts'
import { listDeliveries, replayPage } from './listing.ts'
import {
  BACKUP_MS,
  concurrency,
  decide,
  type Effect,
  type EndpointEvent,
  type EndpointState,
  isHeld,
  type Rules,
  restingState,
} from './machine.ts'
import { attemptMeans } from './means.ts'
import { firstPosition } from './position.ts'
import { Projection, writeDeliveries } from './projection.ts'
import type {
  AttemptRecord,
  BreakerView,
  ControlResult,
  DeliveryQuery,
  DeliveryView,
  DisabledReason,
  EndpointRpc,
  EndpointSettings,
  EnqueueCall,
  EnqueueResult,
  ReplayQuery,
  StoredMessage,
} from './rpc.ts'
import { type DeliveryRow, type Parcel, Store } from './store.ts'
import { toBreakerView, toDeliveryView } from './views.ts'

/**
 * Production lets one invocation have six connections waiting for response headers, and an object is
 * one I/O context however many calls it serves. Four leave room for queues, D1 and R2.
 */
const DIRECT_ATTEMPTS_MAX = 4

const QUEUE_BATCH_MAX = 100
const QUEUE_DELAY_S_MAX = 24 * 60 * 60
const CANCEL_PAGE = 500
const RETENTION_PAGE = 500
/** Rows that a restart may look at once more without anybody noticing. */
const RECOVERED_ROWS_CHEAP = 100
const UPKEEP_MS_MIN = 60 * 60 * 1000
const UPKEEP_MS_MAX = 24 * UPKEEP_MS_MIN

/** What must outlive the process, beside the deliveries. */
interface Condition {
  breaker: Breaker
  cancel_below: number | null
}

/** Rules of an object that has not been told its settings: it holds nothing and starts nothing. */
const NO_RULES: Rules = {
  disabled: 'manual',
  retry_delays_ms: [],
  max_in_flight: 1,
  rate_limit_per_s: null,
  disable_after_ms: 0,
  max_unfinished: 0,
}

/**
 * The Durable Object of one endpoint: loads what the core needs, lets it decide, performs the effects.
 * The only file here, with the Courier, that knows Cloudflare.
 */
export class Endpoint extends DurableObject<Bindings> implements EndpointRpc {
  private readonly store: Store
  private readonly means: AttemptMeans
  private readonly projection: Projection
  private state: EndpointState
  private settings: EndpointSettings | null
  private loading: Promise<EndpointSettings | null> | null = null
  private readonly intake: Intake
  private direct_attempts = 0
  private timer: { at: number; handle: ReturnType<typeof setTimeout> } | null = null
  private is_cancelling = false
  private sending_dead_letters: Promise<void> | null = null

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env)
    this.store = new Store(ctx.storage.sql)
    this.means = attemptMeans(env)
    this.settings = this.store.readMeta<EndpointSettings>('settings')
    const newest = this.store.newest()
    const watermark = this.storedWatermark()
    this.store.rescheduleInterrupted(watermark, Date.now())
    this.projection = new Projection(
      this.store,
      (rows) => this.project(rows),
      () => Math.min(Number.POSITIVE_INFINITY, ...this.state.in_flight.keys()),
      watermark,
      newest === null ? 0 : newest.position + 1,
    )
    this.intake = new Intake(this.store)
    const condition = this.store.readMeta<Condition>('condition')
    this.state = restingState(this.settings ?? NO_RULES, {
      ...condition,
      next_due_at: this.store.nextDueAt(new Map()),
      unfinished: this.store.countScheduled(this.settings?.max_unfinished ?? 0),
    })
    this.projection.recover()
    ctx.blockConcurrencyWhile(async () => {
      this.state = { ...this.state, alarm_at: await ctx.storage.getAlarm() }
      // Whatever woke this object: what the process before it left undone goes on now.
      this.run({ kind: 'woken' })
    })
  }

  // --- what others may ask ---

  async enqueue(call: EnqueueCall): Promise<EnqueueResult[]> {
    const settings = await this.adopt(call)
    if (settings === null) return call.items.map(() => ({ outcome: 'gone' }))
    // Nothing below awaits: looking for duplicates and writing are one step that no other call comes between.
    const { arrivals, results, placed } = this.intake.place(call.items, settings.ordering, Date.now())
    const refused = this.run({ kind: 'enqueued', arrivals }, { placed })
    const state = isHeld(this.state) ? 'parked' : 'pending'
    return results.map((result) =>
      typeof result === 'number'
        ? refused.has(result)
          ? { outcome: 'full' }
          : { outcome: 'accepted', state }
        : result,
    )
  }

  async wake(position: number): Promise<number | null> {
    this.run({ kind: 'woken' })
    const due_at = this.state.in_flight.has(position) ? null : (this.store.row(position)?.due_at ?? null)
    return due_at !== null && due_at > Date.now() && !isHeld(this.state) ? due_at : null
  }

  async configure(settings: EndpointSettings, parked: 'deliver' | 'cancel' = 'deliver'): Promise<void> {
    if (this.settings !== null && settings.version < this.settings.version) return
    const cancel_below = parked === 'cancel' && settings.disabled === null ? firstPosition(Date.now()) : null
    this.store.deleteMeta('disabled_unreported')
    this.adoptSettings(settings, cancel_below)
  }

  async list(query: DeliveryQuery): Promise<{ deliveries: DeliveryView[]; next_cursor: string | null }> {
    const { rows, next_cursor } = listDeliveries(this.store, this.state, query)
    return { deliveries: rows.map((row) => this.view(row)), next_cursor }
  }

  async get(message_id: string): Promise<{ delivery: DeliveryView; attempts: AttemptRecord[] } | null> {
    const row = this.store.find(message_id)
    return row === null ? null : { delivery: this.view(row), attempts: this.store.attemptLog(row.position) }
  }

  async message(message_id: string): Promise<StoredMessage | null> {
    const row = this.store.find(message_id)
    return row === null ? null : this.store.message(row.position)
  }

  async retry(message_ids: string[]): Promise<ControlResult[]> {
    return message_ids.map((message_id) => {
      const row = this.store.find(message_id)
      if (row === null) return 'not_found'
      if (row.finished_at !== null) this.restart(row)
      else if (row.due_at === null || this.state.in_flight.has(row.position)) return 'wrong_state'
      else this.run({ kind: 'retry', delivery: row })
      return 'done'
    })
  }

  async redrive(message_ids: string[]): Promise<ControlResult[]> {
    return message_ids.map((message_id) => {
      const row = this.store.find(message_id)
      if (row === null) return 'not_found'
      if (row.state !== 'dead') return 'wrong_state'
      this.restart(row)
      return 'done'
    })
  }

  async cancel(message_ids: string[]): Promise<ControlResult[]> {
    return message_ids.map((message_id) => {
      const row = this.store.find(message_id)
      if (row === null) return 'not_found'
      if (row.finished_at !== null || this.state.in_flight.has(row.position)) return 'wrong_state'
      this.run({ kind: 'cancel', delivery: row })
      return 'done'
    })
  }

  async replay(query: ReplayQuery): Promise<{ count: number; next_cursor: string | null }> {
    const { rows, next_cursor } = replayPage(this.store, query)
    for (const row of rows) this.restart(row)
    return { count: rows.length, next_cursor }
  }

  async breaker(): Promise<BreakerView> {
    return toBreakerView(this.state, concurrency(this.state))
  }

  async resetBreaker(): Promise<BreakerView> {
    this.run({ kind: 'reset_breaker' })
    return this.breaker()
  }

  async remove(): Promise<void> {
    await this.ctx.storage.deleteAlarm()
    await this.ctx.storage.deleteAll()
    // Attempts still in flight must not write into what is gone: the next call finds a new, empty object.
    setTimeout(() => this.ctx.abort('the endpoint was deleted'), 0)
  }

  /** Never throws: an alarm whose handler keeps throwing is given up by the platform. */
  override async alarm(): Promise<void> {
    try {
      this.run({ kind: 'alarm', upkeep_at: this.upkeepAt(Date.now()), unflushed: this.hasLoose() })
      await this.projection.flush()
      await this.sendDeadLetters()
      await this.reportDisabled()
      await this.tidy()
    } catch (error) {
      this.log('endpoint.alarm_failed', { error: String(error) })
      await this.ctx.storage.setAlarm(Date.now() + BACKUP_MS)
    }
  }

  // --- deciding and doing ---

  /** Lets the core decide about an event and about what follows from it. Answers the positions refused. */
  private run(event: EndpointEvent, given: Partial<Pick<Turn, 'placed' | 'record'>> = {}): ReadonlySet<number> {
    const turn: Turn = {
      now: Date.now(),
      placed: given.placed ?? new Map(),
      record: given.record ?? null,
      parcels: new Map(),
      wakes: [],
      refused: new Set(),
      following: [event],
    }
    try {
      for (let next = turn.following.shift(); next !== undefined; next = turn.following.shift()) {
        const { state, effects } = decide(this.state, next, { now: turn.now, random: Math.random })
        this.state = state
        for (const effect of effects) this.perform(effect, turn)
      }
    } catch (error) {
      // Memory may now say what storage does not: begin again from storage, which is the truth.
      this.log('endpoint.aborted', { event: event.kind, error: String(error) })
      this.ctx.abort(`an effect failed: ${error}`)
      throw error
    }
    if (turn.wakes.length > 0) void this.sendWakes(turn.wakes)
    return turn.refused
  }

  private perform(effect: Effect, turn: Turn): void {
    switch (effect.kind) {
      case 'insert': {
        const parcel = this.intake.insert(effect, turn.placed, this.projection.watermark, turn.now)
        turn.parcels.set(effect.position, parcel)
        this.projection.touch(effect.position)
        break
      }
      case 'refuse':
        turn.refused.add(effect.position)
        break
      case 'update':
      case 'requeue':
        this.store.update(effect.position, effect.change, turn.now, turn.record)
        if (effect.kind === 'requeue') this.store.moveToEnd(effect.position, this.intake.nextSeq(turn.now))
        turn.record = null
        this.projection.touch(effect.position)
        break
      case 'attempt': {
        const parcel = turn.parcels.get(effect.position) ?? this.store.parcel(effect.position)
        if (parcel !== null) this.launch(parcel)
        break
      }
      case 'load_due': {
        const deliveries = this.store.due(turn.now, effect.limit, this.state.in_flight)
        for (const parcel of deliveries) turn.parcels.set(parcel.position, parcel)
        const taken = new Map<number, unknown>([...this.state.in_flight, ...turn.parcels])
        turn.following.unshift({ kind: 'due', deliveries, next_due_at: this.store.nextDueAt(taken) })
        break
      }
      case 'load_unfinished':
        void this.cancelNextPage(effect.below)
        break
      case 'release':
        if (this.store.release(effect.order_key, turn.now)) turn.following.push({ kind: 'released', due_at: turn.now })
        break
      case 'wake_later':
        turn.wakes.push(effect)
        break
      case 'set_alarm':
        void this.ctx.storage.setAlarm(effect.at)
        break
      case 'set_timer':
        this.setTimer(effect.at, turn.now)
        break
      case 'save_condition': {
        const { breaker, cancel_below } = this.state
        this.store.writeMeta('condition', { breaker, cancel_below } satisfies Condition)
        break
      }
      case 'dead_letter':
        this.recordDeadLetter(effect.position, turn.now)
        break
      case 'disable':
        this.disable(effect.reason)
        break
      case 'announce':
        this.log(`endpoint.${effect.event}`, { open_until: this.state.breaker.open_until })
        break
    }
  }

  private restart(row: DeliveryRow): void {
    const is_behind = row.order_key !== null && this.store.hasUnfinished(row.order_key)
    this.run({ kind: 'restart', delivery: row, is_behind })
  }

  // --- attempts ---

  private launch(parcel: Parcel): void {
    const { settings } = this
    if (settings === null) return
    const { tenant_id, endpoint_id, url, headers, secrets, timeout_ms, transform } = settings
    const destination = { tenant_id, endpoint_id, url, headers, secrets, timeout_ms, transform }
    const job: AttemptJob = { destination, parcel, number: parcel.attempts + 1 }
    void this.dispatch(job).then((finished) => this.conclude(job, finished))
  }

  private async dispatch(job: AttemptJob): Promise<FinishedAttempt> {
    const started_at = Date.now()
    // A payload in R2 may be large: it is loaded where it does not weigh on the Endpoint's memory.
    if (this.direct_attempts >= DIRECT_ATTEMPTS_MAX || job.parcel.r2_key !== null) {
      try {
        return await this.ctx.exports.Courier.attempt(job)
      } catch (error) {
        return interrupted(job, this.means, started_at, error)
      }
    }
    this.direct_attempts++
    try {
      return await attempt(job, this.means)
    } finally {
      this.direct_attempts--
    }
  }

  private conclude({ parcel, destination }: AttemptJob, { record, outcome }: FinishedAttempt): void {
    this.run({ kind: 'finished', position: parcel.position, outcome }, { record })
    try {
      this.env.ATTEMPTS.writeDataPoint({
        indexes: [destination.tenant_id],
        blobs: [destination.endpoint_id, parcel.event_type, record.error ?? 'success'],
        doubles: [record.duration_ms, record.number, record.status ?? 0],
      })
    } catch (error) {
      this.log('analytics.failed', { error: String(error) })
    }
  }

  // --- clocks ---

  private async sendWakes(wakes: readonly { position: number; due_at: number }[]): Promise<void> {
    const { settings } = this
    if (settings === null) return
    const now = Date.now()
    for (let from = 0; from < wakes.length; from += QUEUE_BATCH_MAX) {
      const page = wakes.slice(from, from + QUEUE_BATCH_MAX)
      try {
        await this.env.RETRIES.sendBatch(
          page.map(({ position, due_at }) => ({
            body: {
              v: 1,
              tenant_id: settings.tenant_id,
              endpoint_id: settings.endpoint_id,
              object_name: settings.endpoint_id,
              position,
              due_at,
            } satisfies RetryMessage,
            delaySeconds: Math.min(Math.max(0, Math.ceil((due_at - now) / 1000)), QUEUE_DELAY_S_MAX),
          })),
        )
      } catch (error) {
        this.log('retries.refused', { error: String(error), count: page.length })
        this.run({ kind: 'wake_refused', due_at: Math.min(...page.map((wake) => wake.due_at)) })
      }
    }
  }

  private setTimer(at: number, now: number): void {
    if (this.timer !== null && this.timer.at <= at) return
    if (this.timer !== null) clearTimeout(this.timer.handle)
    const ring = () => {
      this.timer = null
      this.run({ kind: 'woken' })
    }
    this.timer = { at, handle: setTimeout(ring, Math.max(1, at - now)) }
  }

  // --- settings ---

  /** The settings, read from D1 when the caller knows of newer ones. With D1 down, what is known goes on. */
  private async adopt(
    call: Pick<EnqueueCall, 'tenant_id' | 'endpoint_id' | 'settings_version'>,
  ): Promise<EndpointSettings | null> {
    if (this.settings !== null && this.settings.version >= call.settings_version) return this.settings
    this.loading ??= loadEndpointSettings(this.env.DB, call.tenant_id, call.endpoint_id).finally(() => {
      this.loading = null
    })
    try {
      const loaded = await this.loading
      if (loaded === null) return null
      if (this.settings === null || loaded.version > this.settings.version) this.adoptSettings(loaded, null)
    } catch (error) {
      if (this.settings === null) throw error
      this.log('settings.stale', { error: String(error) })
    }
    return this.settings
  }

  private adoptSettings(settings: EndpointSettings, cancel_below: number | null): void {
    // A new object is not one that was disabled: it has nothing to be careful about.
    if (this.settings === null) this.state = { ...this.state, rules: settings }
    this.settings = settings
    this.store.writeMeta('settings', settings)
    this.run({ kind: 'configured', rules: settings, cancel_below })
  }

  private disable(reason: DisabledReason): void {
    if (this.settings === null) return
    this.settings = { ...this.settings, disabled: reason }
    this.store.writeMeta('settings', this.settings)
    this.store.writeMeta('disabled_unreported', reason)
    this.log('endpoint.disabled', { reason })
    void this.reportDisabled()
  }

  /** Tells D1 that this Endpoint has disabled itself; repeated by the alarm until D1 has heard it. */
  private async reportDisabled(): Promise<void> {
    const reason = this.store.readMeta<DisabledReason>('disabled_unreported')
    if (reason === null || this.settings === null) return
    try {
      await markDisabled(this.env.DB, this.settings.tenant_id, this.settings.endpoint_id, reason, Date.now())
      this.store.deleteMeta('disabled_unreported')
    } catch (error) {
      this.log('endpoint.disable_unreported', { error: String(error) })
    }
  }

  private async cancelNextPage(below: number): Promise<void> {
    if (this.is_cancelling) return
    this.is_cancelling = true
    // A page a turn: a million cancellations must not keep everything else waiting.
    await scheduler.wait(0)
    this.is_cancelling = false
    this.run({ kind: 'unfinished', deliveries: this.store.unfinishedBelow(below, CANCEL_PAGE, this.state.in_flight) })
  }

  // --- dead letters ---

  private recordDeadLetter(position: number, now: number): void {
    const row = this.store.row(position)
    if (row === null || this.settings === null) return
    this.store.addDeadLetter({
      tenant_id: this.settings.tenant_id,
      endpoint_id: this.settings.endpoint_id,
      message_id: row.message_id,
      event_type: row.event_type,
      accepted_at: row.accepted_at,
      died_at: now,
      attempts: row.attempts,
      last_status: row.last_status,
      last_error: row.last_error,
    })
    void this.sendDeadLetters()
  }

  /** Sends what the outbox holds; what the queue refuses stays for the alarm. */
  private sendDeadLetters(): Promise<void> {
    this.sending_dead_letters ??= this.sendDeadLettersInPages().finally(() => {
      this.sending_dead_letters = null
    })
    return this.sending_dead_letters
  }

  private async sendDeadLettersInPages(): Promise<void> {
    // Once around the loop, so that deaths of one moment share a batch.
    await scheduler.wait(0)
    for (;;) {
      const page = this.store.deadLetters(QUEUE_BATCH_MAX)
      const last = page.at(-1)
      if (last === undefined) return
      try {
        await this.env.DEAD_LETTERS.sendBatch(page.map(({ notice }) => ({ body: { v: 1, ...notice } })))
      } catch (error) {
        this.log('dead_letters.refused', { error: String(error) })
        return
      }
      this.store.removeDeadLetters(last.id)
    }
  }

  // --- upkeep ---

  private async project(rows: readonly DeliveryRow[]): Promise<void> {
    if (this.settings !== null)
      await writeDeliveries(this.env.DB, this.settings.tenant_id, this.settings.endpoint_id, rows)
  }

  /** Something that only memory or the outbox holds on to, so that the alarm must come back for it. */
  private hasLoose(): boolean {
    return (
      this.projection.isBehind() ||
      this.store.deadLetters(1).length > 0 ||
      this.store.readMeta('disabled_unreported') !== null
    )
  }

  /** When retention next has something to delete; null for an empty object. */
  private upkeepAt(now: number): number | null {
    const oldest = this.store.oldestPosition()
    if (oldest === null || this.settings === null) return null
    const ends_at = oldest / firstPosition(1) + this.settings.retention_ms
    // An old delivery that has not ended (its endpoint is disabled) is looked at again once a day.
    return ends_at <= now ? now + UPKEEP_MS_MAX : Math.max(Math.ceil(ends_at), now + UPKEEP_MS_MIN)
  }

  private async tidy(): Promise<void> {
    if (this.settings === null) return
    const below = firstPosition(Date.now() - this.settings.retention_ms)
    while (this.store.deleteFinished(below, RETENTION_PAGE)) await scheduler.wait(0)
    if (this.hasLoose() || this.state.in_flight.size > 0) return
    // Quiet. After a burst it is worth a row to spare the next restart what has been settled since.
    const unmarked = this.store.positionsFrom(this.storedWatermark(), RECOVERED_ROWS_CHEAP)
    if (unmarked.length === RECOVERED_ROWS_CHEAP) this.store.writeMeta('watermark', this.projection.watermark)
  }

  /** Where a restart begins to look for what was not settled. */
  private storedWatermark(): number {
    return Math.max(this.store.newest()?.watermark ?? 0, this.store.readMeta<number>('watermark') ?? 0)
  }

  private view(row: DeliveryRow): DeliveryView {
    return toDeliveryView(row, this.settings?.endpoint_id ?? '', this.state)
  }

  private log(message: string, fields: Record<string, unknown>): void {
    const { tenant_id, endpoint_id } = this.settings ?? {}
    console.log(JSON.stringify({ message, tenant_id, endpoint_id, ...fields }))
  }
}

/** One call of {@link Endpoint.run}: what effects hand to one another. */
interface Turn {
  now: number
  placed: ReturnType<Intake['place']>['placed']
  /** The attempt that the next update records. */
  record: AttemptRecord | null
  parcels: Map<number, Parcel>
  wakes: { position: number; due_at: number }[]
  refused: Set<number>
  following: EndpointEvent[]
}
