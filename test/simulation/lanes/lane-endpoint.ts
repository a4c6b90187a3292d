/** One lane: the simulated Endpoint with what it does beside the others. As durable-objects/endpoint/endpoint.ts has it. */
import { BACKUP_MS, type Effect, type Rules } from '../../../durable-objects/endpoint/machine.ts'
import type { EnqueueAnswer, EnqueueItem, EnqueueResult } from '../../../durable-objects/endpoint/rpc.ts'
import { type Layout, ONE_LANE } from '../../../src/endpoints/lanes.ts'
import type { LaneCall } from '../../../src/endpoints/route-items.ts'
import type { Surroundings } from '../living-endpoint.ts'
import type { Row } from '../rows.ts'
import type { Settings } from '../scenario.ts'
import { SimulatedEndpoint } from '../simulated-endpoint.ts'
import { DrainingReport } from './draining-report.ts'
import type { Flaws, LaneCode } from './lane-code.ts'
import type { LaneDatabase } from './lane-database.ts'
import type { Turn } from './lane-rules.ts'
import { messageOf, viewOf } from './store-view.ts'

/** How long an arrival may wait for a commit that is under way. */
const GATHERING_MS_MAX = 15

/** What a lane reaches beside what every Endpoint does. */
export interface LaneSurroundings {
  lane: number
  code: LaneCode
  flaws: Flaws
  database: LaneDatabase
  /** Tells the other lanes. */
  push(settings: Settings, except: number): void
  watch: Watch
}

/** Who looks at what a lane does. */
export interface Watch {
  placed(lane: number, row: Row, how: 'insert' | 'requeue'): void
  attempted(lane: number, row: Row): void
  turnOf(message: number): Turn | undefined
  restoreTurn(message: number, turn: Turn): void
  adopted(): void
}

export class LaneEndpoint extends SimulatedEndpoint {
  private readonly beside: LaneSurroundings
  private readonly intake: InstanceType<LaneCode['Intake']>
  private readonly draining: DrainingReport

  constructor(reach: Surroundings, beside: LaneSurroundings) {
    super(reach)
    const { database, flaws, code, lane } = beside
    this.beside = beside
    this.intake = new code.Intake(viewOf(this.disk.rows))
    this.draining = new DrainingReport(this.process, { database, flaws, code, lane }, this.disk.rows, {
      current: () => this.settings.current,
      isBusy: () => this.state.in_flight.size > 0,
      remind: () => this.run({ kind: 'wake_refused', due_at: this.world.wall + BACKUP_MS }),
      spreadSettings: (then) => this.spreadSettings(then),
    })
    this.settings.flaws = flaws
    this.settings.onReported = () => {
      if (this.layout().lanes_max > 1) this.spreadSettings()
    }
  }

  /** Takes custody of what belongs here, as far as caller and lane go by the same layout. */
  offer(
    { items, epoch, as }: LaneCall,
    version: number,
    answered: (answer: EnqueueAnswer) => void,
    failed: () => void,
  ): void {
    const { world } = this
    const take = () => this.process.call(() => this.take(items, epoch, as), answered, failed)
    const adopt = (settings: Settings | null) => {
      if (settings === null) {
        answered({ results: items.map(() => ({ outcome: 'gone' })), moved: null })
      } else if (!this.process.turn(() => this.adopt(settings))) {
        failed()
      } else if (world.random.chance(0.8)) {
        take()
      } else {
        // Gathered behind a commit: others come between.
        const isAlive = this.process.lifeline()
        world.after(world.random.between(1, GATHERING_MS_MAX), () => (isAlive() ? take() : failed()))
      }
    }
    this.settings.atLeast(version, adopt, failed, epoch)
  }

  private take(items: readonly EnqueueItem[], epoch: number, as: LaneCall['as']): EnqueueAnswer {
    const { ordering = 'none' } = this.settings.current ?? {}
    const layout = this.layout()
    if (epoch < layout.epoch && !this.beside.flaws.ignores_epoch) return { results: [], moved: layout }
    const incoming = items.map((item) => ({ item, as, is_erased: false }))
    const { arrivals, verdicts, placed } = this.intake.place(incoming, ordering, this.world.wall)
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
    for (const [position, { item, order_key }] of placed) {
      const seq = order_key === null ? 0 : this.nextSeq()
      arriving.set(position, { ...unchanging, position, order_key, seq, message: messageOf(item) })
    }
    this.refused = new Set()
    this.run({ kind: 'enqueued', arrivals }, arriving)
    const state = 'pending' as const
    const results = verdicts.map((verdict, i): EnqueueResult => {
      if ('outcome' in verdict) return verdict
      if (this.refused.has(verdict.position)) return { outcome: 'full' }
      const accepted_at = items[i]?.accepted_at ?? 0
      return verdict.is_twin ? { outcome: 'duplicate', state, accepted_at } : { outcome: 'accepted', state }
    })
    return { results, moved: null }
  }

  protected override restart(row: Row): void {
    const { rows } = this.disk
    const { order_key, position } = row
    const is_behind = order_key !== null && rows.head(order_key) !== undefined
    if (order_key !== null && !is_behind && this.mayLiveElsewhere(order_key)) {
      rows.write(position, { order_key: null })
    }
    super.restart(rows.at(position))
  }

  /** Whether another lane may hold deliveries of this ordering key, or come to hold them. */
  private mayLiveElsewhere(ordering_key: string): boolean {
    const { code, flaws, lane } = this.beside
    if (flaws.restart_keeps_key) return false
    const one = { message_id: '', ordering_key, may_be_known: false }
    const former = flaws.restart_trusts_home ? [] : code.formerHomes(this.layout(), one, this.world.wall)
    return [...former, code.homeOf(this.layout(), one)].some((other) => other !== lane)
  }

  private layout(): Layout {
    return this.settings.current?.layout ?? ONE_LANE
  }

  // --- settings ---

  override rulesOf(settings: Settings): Rules {
    const { code, lane } = this.beside
    return { ...settings.rules, ...code.shareOf({ ...settings.rules, layout: settings.layout ?? ONE_LANE }, lane) }
  }

  protected override adopt(settings: Settings): Settings {
    const before = this.settings.current
    const adopted = super.adopt(settings)
    if (before !== null && settings.version <= before.version) return adopted
    this.beside.watch.adopted()
    this.draining.report()
    return adopted
  }

  private spreadSettings(then: () => void = () => {}): void {
    const isAlive = this.process.lifeline()
    const spread = (settings: Settings | null) => {
      this.process.turn(() => {
        if (settings !== null) {
          this.adopt(settings)
          this.process.gate.output(() => this.beside.push(settings, this.beside.lane))
        }
        then()
      })
    }
    const giveUp = () => {
      if (isAlive()) this.process.turn(then)
    }
    this.settings.load(spread, giveUp)
  }

  // --- draining ---

  protected override hasLoose(): boolean {
    return super.hasLoose() || this.draining.isUnreported()
  }

  protected override reportDrained(then: () => void): void {
    this.draining.report(then)
  }

  protected override forget(): void {
    super.forget()
    this.draining.forget()
  }

  // --- watched ---

  protected override perform(effect: Effect): void {
    super.perform(effect)
    if (effect.kind !== 'insert' && effect.kind !== 'requeue') return
    const { watch, lane } = this.beside
    const row = this.disk.rows.at(effect.position)
    const before = watch.turnOf(row.message)
    watch.placed(lane, row, effect.kind)
    if (effect.kind === 'requeue' && before !== undefined) {
      const restore = () => {
        // A crash right after the commit takes nothing back.
        const { revision } = this.disk.rows.at(effect.position)
        if (revision < row.revision) watch.restoreTurn(row.message, before)
      }
      this.process.gate.output(() => {}, restore)
    }
  }

  protected override launch(position: number): void {
    this.beside.watch.attempted(this.beside.lane, this.disk.rows.at(position))
    super.launch(position)
  }
}
