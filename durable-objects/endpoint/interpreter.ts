import { objectName } from '../../src/endpoints/lanes.ts'
import type { Bindings } from '../../src/env.ts'
import { type Log, logs } from '../../src/lib/log.ts'
import { keptTrace, storedTraceId } from '../../src/lib/trace-context.ts'
import type { Report } from '../../src/report.ts'
import { type AttemptJob, type FinishedAttempt, idsOf } from './attempt.ts'
import type { Breaker } from './breaker.ts'
import type { DeadLetterOutbox } from './dead-letter-outbox.ts'
import type { Parcel } from './delivery-row.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Intake } from './intake.ts'
import { decide, type Effect, type EndpointEvent, type EndpointState } from './machine.ts'
import type { Meta } from './meta.ts'
import { withoutBlame } from './outcome.ts'
import type { Projection } from './projection.ts'
import type { AttemptRecord } from './rpc.ts'
import type { SettingsCopy } from './settings-copy.ts'
import type { Store } from './store.ts'
import { Timer } from './timer.ts'
import { sendWakes, type Wake } from './wakes.ts'

const CANCEL_PAGE = 500

/** What must outlive the process, beside the deliveries. */
export interface Condition {
  breaker: Breaker
  cancel_below: number | null
}

/** What effects are performed on. */
export interface Instruments {
  storage: DurableObjectStorage
  lane: number
  /** Ends this life of the object. */
  abort: (reason: string) => void
  env: Pick<Bindings, 'RETRIES' | 'ATTEMPTS'>
  store: Store
  meta: Meta
  settings: SettingsCopy
  intake: Intake
  dispatcher: Dispatcher
  dead_letters: DeadLetterOutbox
  projection: Projection
  /** What it knows is no use: D1 may know better. */
  refreshSettings: () => Promise<void>
  log: Log
  report: Report
  /** Of what ends this life of the object. */
  reportAtEnd: Report
}

/** Lets the core decide, and performs its effects on what the Endpoint has. */
export class Interpreter {
  private readonly at: Instruments
  private readonly timer = new Timer(() => void this.run({ kind: 'woken' }))
  private is_cancelling = false
  state: EndpointState

  constructor(instruments: Instruments, state: EndpointState) {
    this.at = instruments
    this.state = state
  }

  /** Lets the core decide about an event and about what follows from it. Answers the positions refused. */
  run(event: EndpointEvent, given: Partial<Pick<Turn, 'placed' | 'record' | 'ended'>> = {}): ReadonlySet<number> {
    const turn: Turn = {
      now: Date.now(),
      placed: given.placed ?? new Map(),
      record: given.record ?? null,
      ended: given.ended ?? null,
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
      this.at.reportAtEnd('endpoint.aborted', error, { event: event.kind })
      this.at.abort(`an effect failed: ${error}`)
      throw error
    }
    if (turn.wakes.length > 0) this.inBackground(this.wakeLater(turn.wakes))
    return turn.refused
  }

  private perform(effect: Effect, turn: Turn): void {
    switch (effect.kind) {
      case 'insert': {
        const parcel = this.at.intake.insert(effect, turn.placed, this.at.projection.watermark, turn.now)
        turn.parcels.set(effect.position, parcel)
        this.at.projection.touch(effect.position)
        break
      }
      case 'refuse':
        turn.refused.add(effect.position)
        break
      case 'update':
      case 'requeue':
        this.at.store.update(effect.position, effect.change, turn.now, turn.record)
        if (effect.kind === 'requeue') this.moveToEnd(effect.position, turn.now)
        turn.record = null
        this.at.projection.touch(effect.position)
        break
      case 'attempt': {
        const parcel = turn.parcels.get(effect.position) ?? this.at.store.parcel(effect.position)
        if (parcel !== null) this.launch(parcel)
        break
      }
      case 'load_due': {
        const { deliveries, next_due_at } = this.at.store.takeDue(turn.now, effect.limit, this.state.in_flight)
        for (const parcel of deliveries) turn.parcels.set(parcel.position, parcel)
        turn.following.unshift({ kind: 'due', deliveries, next_due_at })
        break
      }
      case 'load_unfinished':
        this.inBackground(this.cancelNextPage(effect.below))
        break
      case 'release':
        if (this.at.store.release(effect.order_key, turn.now))
          turn.following.push({ kind: 'released', due_at: turn.now })
        break
      case 'wake_later':
        turn.wakes.push({ ...effect, trace_id: traceIdOf(effect.position, turn) })
        break
      case 'set_alarm':
        void this.at.storage.setAlarm(effect.at)
        break
      case 'set_timer':
        this.timer.ringBy(effect.at, turn.now)
        break
      case 'save_condition': {
        const { breaker, cancel_below } = this.state
        this.at.meta.write('condition', { breaker, cancel_below } satisfies Condition)
        break
      }
      case 'dead_letter':
        this.recordDeadLetter(effect.position, turn.now)
        break
      case 'erase':
        this.at.store.erase(effect.position, turn.now)
        this.at.projection.touch(effect.position)
        break
      case 'disable':
        this.at.settings.disable(effect.reason, turn.now)
        break
      case 'announce':
        this.at.log('info', effect.event === 'breaker_opened' ? 'endpoint.breaker_opened' : 'endpoint.breaker_closed', {
          open_until: this.state.breaker.open_until,
        })
        break
    }
  }

  /** To the end of its ordering key, if it has one. */
  private moveToEnd(position: number, now: number): void {
    const { store, intake } = this.at
    const order_key = store.row(position)?.order_key ?? null
    if (order_key !== null) store.setSeq(position, intake.nextSeq(store.lastSeq(order_key), now))
  }

  private launch(parcel: Parcel): void {
    if (this.at.settings.current === null) return
    const { tenant_id, endpoint_id, url, headers, secrets, timeout_ms, transform } = this.at.settings.current
    const destination = { tenant_id, endpoint_id, url, headers, secrets, timeout_ms, transform }
    const job: AttemptJob = { destination, parcel, number: parcel.attempts + 1 }
    this.inBackground(this.at.dispatcher.dispatch(job).then((finished) => this.conclude(job, finished)))
  }

  private conclude(job: AttemptJob, { record, outcome }: FinishedAttempt): void {
    const { parcel, destination } = job
    // What an earlier URL answered says nothing about the one that takes its place.
    const is_blamed = destination.url === this.at.settings.current?.url
    this.run(
      { kind: 'finished', position: parcel.position, outcome: is_blamed ? outcome : withoutBlame(outcome) },
      { record, ended: parcel },
    )
    if (logs('debug')) this.say(job, record)
    // Its copy may be sealed under a master key that is gone, while D1 has the secret under another.
    if (record.error === 'signing_failed') void this.at.refreshSettings()
    try {
      this.at.env.ATTEMPTS.writeDataPoint({
        indexes: [destination.tenant_id],
        blobs: [destination.endpoint_id, parcel.event_type, record.error ?? 'success'],
        doubles: [record.duration_ms, record.number, record.status ?? 0],
      })
    } catch (error) {
      this.at.report('analytics.failed', error, idsOf(job))
    }
  }

  /** For a person who follows one message. */
  private say(job: AttemptJob, { id, number, status, error, duration_ms, request_headers }: AttemptRecord): void {
    const span_id = keptTrace(request_headers)?.span_id
    this.at.log('debug', 'attempt.ended', { ...idsOf(job), span_id, id, number, status, error, duration_ms })
  }

  /** Nobody waits for it, so nobody would hear of it. */
  private inBackground(work: Promise<void>): void {
    void work.catch((error) => this.at.report('endpoint.background_failed', error))
  }

  private async wakeLater(wakes: readonly Wake[]): Promise<void> {
    if (this.at.settings.current === null) return
    const { tenant_id, endpoint_id } = this.at.settings.current
    const names = { tenant_id, endpoint_id, object_name: objectName(endpoint_id, this.at.lane) }
    const due_at = await sendWakes(this.at.env.RETRIES, names, wakes, Date.now(), this.at.report)
    if (due_at !== null) this.run({ kind: 'wake_refused', due_at })
  }

  private async cancelNextPage(below: number): Promise<void> {
    if (this.is_cancelling) return
    this.is_cancelling = true
    // A page a turn: a million cancellations must not keep everything else waiting.
    await scheduler.wait(0)
    this.is_cancelling = false
    this.run({
      kind: 'unfinished',
      deliveries: this.at.store.unfinishedBelow(below, CANCEL_PAGE, this.state.in_flight),
    })
  }

  private recordDeadLetter(position: number, now: number): void {
    const row = this.at.store.row(position)
    if (row === null || this.at.settings.current === null) return
    const { message_id, event_type, accepted_at, attempts, last_status, last_error } = row
    const { tenant_id, endpoint_id } = this.at.settings.current
    this.at.dead_letters.add({
      tenant_id,
      endpoint_id,
      message_id,
      event_type,
      accepted_at,
      died_at: now,
      attempts,
      last_status,
      last_error,
    })
  }
}

/** One call of {@link Interpreter.run}: what effects hand to one another. */
interface Turn {
  now: number
  placed: ReturnType<Intake['place']>['placed']
  /** The attempt that the next update records. */
  record: AttemptRecord | null
  /** What was attempted. Its counts are those of before. */
  ended: Parcel | null
  parcels: Map<number, Parcel>
  wakes: Wake[]
  refused: Set<number>
  following: EndpointEvent[]
}

/** As far as it is at hand: a line of the log is not worth a query. */
function traceIdOf(position: number, { ended, parcels }: Turn): string | undefined {
  const parcel = ended?.position === position ? ended : parcels.get(position)
  return parcel && storedTraceId(parcel.headers)
}
