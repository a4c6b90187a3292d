import { DurableObject } from 'cloudflare:workers'
import { createDeps } from '../../src/deps.ts'
import { formerHomes, homeOf, type Layout, laneOfObject, ONE_LANE, shareOf } from '../../src/endpoints/lanes.ts'
import { pushSettings } from '../../src/endpoints/push-settings.ts'
import type { Bindings } from '../../src/env.ts'
import { type Log, log } from '../../src/lib/log.ts'
import { type Report, report, reportAtEnd, reportLeft } from '../../src/report.ts'
import { Gathering } from '../gathering.ts'
import { ContentRetention, keepsAsLong } from './content-retention.ts'
import { DeadLetterOutbox } from './dead-letter-outbox.ts'
import type { DeliveryRow, ProjectedRow } from './delivery-row.ts'
import { Dispatcher } from './dispatcher.ts'
import { Draining } from './draining.ts'
import { itemWithoutContent } from './erased.ts'
import { Erasures } from './erasures.ts'
import { type Incoming, Intake } from './intake.ts'
import { type Condition, Interpreter } from './interpreter.ts'
import { Journal } from './journal.ts'
import { listDeliveries, replayPage } from './listing.ts'
import { BACKUP_MS, concurrency, isHeld, type Rules, restingState } from './machine.ts'
import { attemptMeans } from './means.ts'
import { Meta } from './meta.ts'
import { firstPosition } from './position.ts'
import { Projection, writeDeliveries } from './projection.ts'
import { deleteExpired, hasExpired, nextUpkeepAt, UPKEEP_MS_MIN } from './retention.ts'
import type {
  BreakerView,
  ControlResult,
  DeliveryDetail,
  DeliveryQuery,
  DeliveryView,
  EndpointRpc,
  EndpointSettings,
  EnqueueAnswer,
  EnqueueCall,
  EnqueueItem,
  EnqueueResult,
  Erasure,
  ErasureAnswer,
  ListedDelivery,
  ReplayQuery,
  StoredMessage,
  WholeDelivery,
} from './rpc.ts'
import { SettingsCopy } from './settings-copy.ts'
import { Store } from './store.ts'
import { toBreakerView, toDeliveryView } from './views.ts'

/** How often an object that is awake anyway asks D1 whether it is still wanted. */
const CONFIRM_MS = 60 * 60 * 1000
/** Less than until an attempt that could not be signed is made again. */
const REFRESH_MS = 20 * 1000
/** An object may have 10 GB. The rest is for what becomes of deliveries that it holds. */
const DATABASE_BYTES_FULL = 9e9
/** Rows that a restart may look at once more without anybody noticing. */
const RECOVERED_ROWS_CHEAP = 100
/** Deliveries erased by one call: each rewrites its attempts, of which there may be 256 K characters. */
const ERASED_PER_CALL = 100

const NOTHING_ERASED: ErasureAnswer = {
  counts: { deliveries: 0, unfinished: 0, attempts: 0 },
  dead: [],
  in_flight: 0,
  has_more: false,
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

/** An item as it is let in. */
interface Admitted extends Incoming {
  /** The one that reaches it. */
  erasure: Erasure | null
}

/**
 * The Durable Object of one endpoint, or of one of its lanes: its life, which is a constructor, calls,
 * alarms and an end. What happens in it is an event for the core (machine.ts), and what follows is
 * performed by the interpreter.
 */
export class Endpoint extends DurableObject<Bindings> implements EndpointRpc {
  private readonly store: Store
  private readonly meta: Meta
  private readonly settings: SettingsCopy
  private readonly intake: Intake
  private readonly erasures: Erasures
  private readonly dead_letters: DeadLetterOutbox
  private readonly projection: Projection
  private readonly core: Interpreter
  private readonly gathering: Gathering<EnqueueCall, EnqueueAnswer>
  private readonly draining: Draining
  private readonly content: ContentRetention
  private readonly lane: number
  /** When D1 last said what this endpoint is. */
  private confirmed_at = 0
  private refreshed_at = 0
  private tidied_at = 0

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env)
    const { storage } = ctx
    // Most often of the life before this one.
    reportLeft({ env, waitUntil: this.waitUntil })
    this.lane = laneOfObject(ctx.id.name)
    this.store = new Store(storage.sql)
    this.meta = new Meta(storage.sql)
    const spreadSettings = () => this.spreadSettings()
    const deps = createDeps(env, this.waitUntil)
    this.settings = new SettingsCopy({
      meta: this.meta,
      deps,
      spreadSettings,
      log: this.log,
      report: this.report,
    })
    this.intake = new Intake(this.store)
    this.content = new ContentRetention(this.store, this.meta)
    this.erasures = new Erasures(storage.sql, this.meta, env.DB)
    this.draining = new Draining({
      db: env.DB,
      lane: this.lane,
      store: this.store,
      settings: this.settings,
      isBusy: () => this.core.state.in_flight.size > 0,
      remind: () => this.remind(),
      spreadSettings,
      report: this.report,
    })
    this.dead_letters = new DeadLetterOutbox(storage.sql, env.DEAD_LETTERS, this.report)
    const newest = this.store.newest()
    const watermark = this.storedWatermark()
    this.store.rescheduleInterrupted(watermark, Date.now())
    this.projection = new Projection(
      this.store,
      new Journal(storage.sql),
      {
        write: (rows) => this.project(rows),
        lowestInFlight: () => Math.min(Number.POSITIVE_INFINITY, ...this.core.state.in_flight.keys()),
        report: this.report,
      },
      watermark,
      newest === null ? 0 : newest.position + 1,
    )
    const { store, meta, settings, intake, dead_letters, projection, log, report } = this
    const dispatcher = new Dispatcher(attemptMeans(env, this.waitUntil), (job) => ctx.exports.Courier.attempt(job))
    this.core = new Interpreter(
      {
        storage,
        lane: this.lane,
        abort: (reason) => ctx.abort(reason),
        env,
        store,
        meta,
        settings,
        intake,
        dispatcher,
        dead_letters,
        projection,
        refreshSettings: () => this.refreshSettings(),
        log,
        report,
        reportAtEnd: (message, error, fields) => reportAtEnd(message, error, { ...this.names(), ...fields }),
      },
      restingState(this.rules(), {
        ...meta.read<Condition>('condition'),
        next_due_at: store.nextDueAt(new Map()),
        unfinished: store.countUnfinished(this.rules().max_unfinished),
      }),
    )
    this.gathering = new Gathering(
      (calls) => this.take(calls),
      () => storage.sync(),
    )
    projection.recover()
    ctx.blockConcurrencyWhile(async () => {
      this.core.state = { ...this.core.state, alarm_at: await storage.getAlarm() }
      // Whatever woke this object: what the process before it left undone goes on now.
      this.core.run({ kind: 'woken' })
    })
  }

  // --- what others may ask ---

  async enqueue(call: EnqueueCall): Promise<EnqueueAnswer> {
    const settings = await this.adopt(call)
    if (settings !== null) {
      await this.erasures.learn(call.tenant_id, call.items, Date.now())
      return this.gathering.add(call)
    }
    return { results: call.items.map(() => ({ outcome: 'gone' })), moved: null }
  }

  async wake(position: number): Promise<number | null> {
    if (this.isEmpty()) return null
    this.core.run({ kind: 'woken' })
    const due_at = this.core.state.in_flight.has(position) ? null : (this.store.row(position)?.due_at ?? null)
    return due_at !== null && due_at > Date.now() && !isHeld(this.core.state) ? due_at : null
  }

  async configure(settings: EndpointSettings): Promise<void> {
    // An object that knows nothing may be one that was emptied a moment ago: only D1 can tell.
    if (this.settings.current === null)
      await this.adopt({ ...settings, settings_version: settings.version, epoch: settings.layout.epoch })
    else this.adoptSettings(settings)
  }

  async list(query: DeliveryQuery): Promise<{ deliveries: ListedDelivery[]; next: number | null }> {
    if (this.isEmpty()) return { deliveries: [], next: null }
    const { rows, next } = listDeliveries(this.store, this.core.state, query)
    return { deliveries: rows.map((row) => ({ ...this.view(row), position: row.position })), next }
  }

  async get(message_id: string): Promise<DeliveryDetail | null> {
    const row = this.find(message_id)
    return row && this.detail(row)
  }

  async message(message_id: string): Promise<StoredMessage | null> {
    const row = this.find(message_id)
    return row === null ? null : this.store.message(row.position)
  }

  async held(message_ids: string[]): Promise<string[]> {
    const hasContent = (row: DeliveryRow | null) => row !== null && row.expired_at === null && row.erased_at === null
    return message_ids.filter((message_id) => hasContent(this.find(message_id)))
  }

  async retry(message_ids: string[]): Promise<ControlResult[]> {
    return this.controlEach(message_ids, (row) => {
      // Its content may have expired before.
      if (row.erased_at !== null) return 'erased'
      if (row.expired_at !== null) return 'expired'
      if (row.finished_at !== null) this.restart(row)
      else if (row.due_at === null || this.core.state.in_flight.has(row.position)) return 'wrong_state'
      else this.core.run({ kind: 'retry', delivery: row })
      return 'done'
    })
  }

  async redrive(message_ids: string[]): Promise<ControlResult[]> {
    return this.controlEach(message_ids, (row) => {
      if (row.erased_at !== null) return 'erased'
      if (row.state !== 'dead') return 'wrong_state'
      if (row.expired_at !== null) return 'expired'
      this.restart(row)
      return 'done'
    })
  }

  async cancel(message_ids: string[]): Promise<ControlResult[]> {
    return this.controlEach(message_ids, (row) => {
      if (row.finished_at !== null || this.core.state.in_flight.has(row.position)) return 'wrong_state'
      this.core.run({ kind: 'cancel', delivery: row })
      return 'done'
    })
  }

  async replay(query: ReplayQuery): Promise<{ count: number; next: number | null }> {
    if (this.isEmpty()) return { count: 0, next: null }
    const { rows, next } = replayPage(this.store, query)
    for (const row of rows) this.restart(row)
    return { count: rows.length, next }
  }

  async erase(erasure: Erasure): Promise<ErasureAnswer> {
    // One that was never told its settings holds nothing, and asks D1 about what comes once it is.
    if (this.isEmpty()) return NOTHING_ERASED
    this.erasures.remember(erasure, Date.now())
    const rows = this.store.ofSubject(erasure.subject, erasure.requested_at, ERASED_PER_CALL)
    for (const row of rows) this.core.run({ kind: 'erase', delivery: row, is_finished: row.finished_at !== null })
    this.erasures.count(erasure, {
      deliveries: rows.length,
      unfinished: rows.filter(({ finished_at }) => finished_at === null).length,
      attempts: rows.reduce((sum, { attempts }) => sum + attempts, 0),
    })
    return {
      counts: this.erasures.counted(erasure),
      dead: rows.filter(({ state }) => state === 'dead').map(({ message_id }) => message_id),
      in_flight: [...this.core.state.in_flight.values()].filter(({ erased_at }) => erased_at !== null).length,
      has_more: rows.length === ERASED_PER_CALL,
    }
  }

  async whole(message_id: string): Promise<WholeDelivery | null> {
    const row = this.find(message_id)
    const message = row && this.store.message(row.position)
    return row && message && { ...this.detail(row), message }
  }

  async breaker(): Promise<BreakerView> {
    return toBreakerView(this.core.state, concurrency(this.core.state))
  }

  async resetBreaker(): Promise<BreakerView> {
    if (!this.isEmpty()) this.core.run({ kind: 'reset_breaker' })
    return this.breaker()
  }

  async remove(): Promise<void> {
    // From here on a call that comes in between asks D1, and hears that the endpoint is gone.
    this.settings.current = null
    this.projection.stop()
    await this.ctx.storage.deleteAlarm()
    await this.ctx.storage.deleteAll()
    // Attempts still in flight must not write into what is gone: the next call finds a new, empty object.
    setTimeout(() => this.ctx.abort('the endpoint was deleted'), 0)
  }

  /** Never throws: an alarm whose handler keeps throwing is given up by the platform. */
  override async alarm(): Promise<void> {
    try {
      const was_loose = this.hasLoose()
      this.ring(was_loose)
      await this.projection.flush()
      await this.dead_letters.send()
      await this.settings.report()
      await this.draining.report()
      if (await this.isDeleted()) return await this.remove()
      await this.tidy()
      // What only kept the alarm coming is done: back to sleep for as long as the rest allows.
      if (was_loose && !this.hasLoose()) this.ring(false)
      if (this.core.state.alarm_at === null) await this.ctx.storage.deleteAlarm()
    } catch (error) {
      this.report('endpoint.alarm_failed', error)
      this.remind()
    }
  }

  /** Has the alarm ring again soon, whatever else it waits for. */
  private remind(): void {
    this.core.run({ kind: 'wake_refused', due_at: Date.now() + BACKUP_MS })
  }

  private ring(unflushed: boolean): void {
    this.core.run({
      kind: 'alarm',
      next_due_at: this.store.nextDueAt(this.core.state.in_flight),
      upkeep_at: this.upkeepAt(Date.now()),
      unflushed,
    })
  }

  /** Takes over what D1 says, for want of something better. */
  private async refreshSettings(): Promise<void> {
    const { current } = this.settings
    if (current === null || Date.now() - this.refreshed_at < REFRESH_MS) return
    this.refreshed_at = Date.now()
    try {
      const settings = await this.settings.load(current)
      if (settings !== null) this.adoptSettings(settings)
    } catch (error) {
      this.report('settings.stale', error)
    }
  }

  /** Whether D1 no longer knows this endpoint. Asked rarely: it is for an object that did not hear of it. */
  private async isDeleted(): Promise<boolean> {
    const { current } = this.settings
    if (current === null || Date.now() - this.confirmed_at < CONFIRM_MS) return false
    try {
      const settings = await this.settings.load(current)
      this.confirmed_at = Date.now()
      if (settings !== null) this.adoptSettings(settings)
      return settings === null
    } catch (error) {
      this.report('settings.unconfirmed', error)
      return false
    }
  }

  /** Takes custody of what several calls bring. Looking for duplicates and writing are one step: nothing here awaits. */
  private take(calls: readonly EnqueueCall[]): EnqueueAnswer[] {
    const { ordering = 'none', layout = ONE_LANE } = this.settings.current ?? {}
    // By an older layout this lane may have been the right one, and still be the wrong one now.
    const isCurrent = ({ epoch }: EnqueueCall) => epoch >= layout.epoch
    const incoming = calls.filter(isCurrent).flatMap(({ items, as }) => items.map((item) => this.admit(item, as)))
    const has_room = this.ctx.storage.sql.databaseSize < DATABASE_BYTES_FULL
    const { arrivals, verdicts, placed } = this.intake.place(incoming, ordering, has_room, Date.now())
    const refused = this.core.run({ kind: 'enqueued', arrivals }, { placed })
    for (const { position } of arrivals) this.content.noteArrival(position)
    const state = isHeld(this.core.state) ? 'parked' : 'pending'
    const results = verdicts.map((verdict, i): EnqueueResult => {
      if ('outcome' in verdict) return verdict
      if (refused.has(verdict.position)) return { outcome: 'full' }
      const { item, erasure } = incoming[i] as Admitted
      if (erasure !== null) {
        if (!verdict.is_twin) this.erasures.count(erasure, { deliveries: 1, unfinished: 1, attempts: 0 })
        return { outcome: 'accepted', state: 'cancelled' }
      }
      const { accepted_at } = item
      return verdict.is_twin ? { outcome: 'duplicate', state, accepted_at } : { outcome: 'accepted', state }
    })
    return calls.map((call) =>
      isCurrent(call) ? { results: results.splice(0, call.items.length), moved: null } : { results: [], moved: layout },
    )
  }

  /** Nothing was ever put into it, or everything was just deleted, the tables too, and its end is near. */
  private isEmpty(): boolean {
    return this.settings.current === null
  }

  private detail(row: DeliveryRow): DeliveryDetail {
    return { delivery: this.view(row), attempts: this.store.attemptLog(row.position), expired_at: row.expired_at }
  }

  private find(message_id: string): DeliveryRow | null {
    return this.isEmpty() ? null : this.store.find(message_id)
  }

  /** What arrives after its data subject was erased comes in without its content. */
  private admit(item: EnqueueItem, as: EnqueueCall['as']): Admitted {
    const erasure = this.erasures.reaching(item)
    const is_erased = erasure !== null
    return { item: is_erased ? itemWithoutContent(item) : item, as, is_erased, erasure }
  }

  private controlEach(message_ids: string[], control: (row: DeliveryRow) => ControlResult): ControlResult[] {
    return message_ids.map((message_id) => {
      const row = this.find(message_id)
      return row === null ? 'not_found' : control(row)
    })
  }

  private restart(row: DeliveryRow): void {
    const is_behind = row.order_key !== null && this.store.lastSeq(row.order_key) !== null
    const layout = this.layout()
    const places = [...formerHomes(layout, { ...row, may_be_known: false }, Date.now()), homeOf(layout, row)]
    const is_stray = row.order_key !== null && places.some((lane) => lane !== this.lane)
    // Its key may live in another lane now, where nobody waits for this one: it has no order to keep any more.
    if (is_stray && !is_behind) this.store.clearOrderKey(row.position)
    this.core.run({ kind: 'restart', delivery: row, is_behind })
  }

  // --- settings ---

  /** The settings as new as the caller knows them; null when the endpoint was deleted. */
  private async adopt(
    call: Pick<EnqueueCall, 'tenant_id' | 'endpoint_id' | 'settings_version' | 'epoch'>,
  ): Promise<EndpointSettings | null> {
    const settings = await this.settings.atLeast(call)
    if (settings === null) return null
    this.adoptSettings(settings)
    return this.settings.current
  }

  /** Takes over settings that are newer than its own. */
  private adoptSettings(settings: EndpointSettings): void {
    const before = this.settings.current
    if (before !== null && settings.version <= before.version) return
    // A new object is not one that was disabled: it has nothing to be careful about.
    if (before === null) {
      this.core.state = { ...this.core.state, rules: this.rules(settings) }
      this.erasures.begin(Date.now())
    }
    const adopted = this.settings.write(settings)
    const rules = this.rules(adopted)
    const { cancel_before } = settings
    // Nothing is parked in an Endpoint that goes on delivering, so there is nothing to cancel.
    const cancels = before !== null && cancel_before !== before.cancel_before && isHeld(this.core.state)
    const cancel_below = cancels && cancel_before !== null ? firstPosition(cancel_before) : null
    this.core.run({ kind: 'configured', rules, cancel_below })
    // The alarm may be set to a day that is weeks too late now.
    if (before !== null && !keepsAsLong(adopted, before) && this.store.oldest() !== null) this.remind()
    void this.draining.report()
  }

  /** Takes over what D1 says now, in every lane. */
  private async spreadSettings(): Promise<void> {
    const { current } = this.settings
    const settings = current && (await this.settings.load(current))
    if (!settings) return
    this.adoptSettings(settings)
    await pushSettings({ env: this.env, waitUntil: this.waitUntil }, settings, this.lane)
  }

  private layout(): Layout {
    return this.settings.current?.layout ?? ONE_LANE
  }

  /** What decisions depend on: of what belongs to the whole endpoint, this lane's share. */
  private rules(settings = this.settings.current): Rules {
    return settings === null ? NO_RULES : { ...settings, ...shareOf(settings, this.lane) }
  }

  // --- upkeep ---

  private async project(rows: readonly ProjectedRow[]): Promise<void> {
    const { current } = this.settings
    if (current !== null) await writeDeliveries(this.env.DB, current.tenant_id, current.endpoint_id, rows)
  }

  /** Something that only memory or an outbox holds on to, so that the alarm must come back for it. */
  private hasLoose(): boolean {
    return (
      this.projection.isBehind() ||
      !this.dead_letters.isEmpty() ||
      this.settings.unreported() !== null ||
      this.draining.isUnreported()
    )
  }

  private upkeepAt(now: number): number | null {
    const { current } = this.settings
    if (current === null) return null
    const times = [nextUpkeepAt(this.store, current.retention_ms, now), this.content.nextAt(current, now)]
    const set = times.filter((time) => time !== null)
    return set.length === 0 ? null : Math.min(...set)
  }

  private async tidy(): Promise<void> {
    const { current } = this.settings
    const now = Date.now()
    if (current === null) return
    if (now - this.tidied_at >= UPKEEP_MS_MIN) {
      const has_content = this.content.isDue(current, now)
      const has_rows = hasExpired(this.store, current.retention_ms, now)
      if (has_content || has_rows) this.tidied_at = now
      if (has_rows) await deleteExpired(this.store, current.retention_ms, this.projection.watermark, now)
      if (has_content) await this.content.expire(current, now)
    }
    if (this.hasLoose() || this.core.state.in_flight.size > 0) return
    // Quiet. After a burst it is worth a row to spare the next restart what has been settled since.
    const unmarked = this.store.positionsFrom(this.storedWatermark(), RECOVERED_ROWS_CHEAP)
    if (unmarked.length === RECOVERED_ROWS_CHEAP) this.meta.write('watermark', this.projection.watermark)
  }

  /** Where a restart begins to look for what was not settled. */
  private storedWatermark(): number {
    return Math.max(this.store.newest()?.watermark ?? 0, this.meta.read<number>('watermark') ?? 0)
  }

  private view(row: DeliveryRow): DeliveryView {
    return toDeliveryView(row, this.settings.current?.endpoint_id ?? '', this.core.state)
  }

  private readonly waitUntil = (work: Promise<unknown>): void => this.ctx.waitUntil(work)

  private readonly log: Log = (level, message, fields) => log(level, message, { ...this.names(), ...fields })

  private readonly report: Report = (message, error, fields) =>
    report({ env: this.env, waitUntil: this.waitUntil }, message, error, { ...this.names(), ...fields })

  /** By which a line is found again; of an object that was never told them, the one that it has anyway. */
  private names() {
    const { tenant_id, endpoint_id = this.ctx.id.name } = this.settings.current ?? {}
    return { tenant_id, endpoint_id, ...(this.lane > 0 && { lane: this.lane }) }
  }
}
