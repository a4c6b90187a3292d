/** What must hold among the lanes of an endpoint, whatever each of them does. */
import { type Layout, ONE_LANE, workingLanes } from '../../../src/endpoints/lanes.ts'
import { isFinished, type Row } from '../rows.ts'
import { Violation } from '../world.ts'
import type { LaneCoverage } from './lane-coverage.ts'
import type { LaneDatabase } from './lane-database.ts'
import type { LaneEndpoint, Watch } from './lane-endpoint.ts'

/** When a message was offered for the first time and when that was first confirmed, counted in happenings. */
export interface Turn {
  issued: number
  /** Infinity while nobody has been told. */
  answered: number
  /** Of messages that were offered together: which offer, and which of it. None once it was offered or started again. */
  offer?: number
  nth?: number
}

/** Whether one has to be attempted before the other, when both have the same ordering key. */
function isBefore(one: Turn, other: Turn): boolean {
  if (one.answered < other.issued) return true
  const are_together = one.offer !== undefined && one.offer === other.offer
  return are_together && (one.nth ?? 0) < (other.nth ?? 0)
}

export class LaneRules implements Watch {
  private readonly lanes: ReadonlyMap<number, LaneEndpoint>
  private readonly database: LaneDatabase
  private readonly coverage: LaneCoverage
  private readonly turns = new Map<number, Turn>()
  /** Messages whose every offer is looked for where it may have been placed before. */
  private readonly told_apart = new Set<number>()
  readonly accepted = new Set<number>()
  private tick = 0

  constructor(lanes: ReadonlyMap<number, LaneEndpoint>, database: LaneDatabase, coverage: LaneCoverage) {
    this.lanes = lanes
    this.database = database
    this.coverage = coverage
  }

  // --- what publishers do ---

  issued(messages: readonly { message: number; is_keyed: boolean }[]): void {
    const issued = ++this.tick
    for (const [nth, { message, is_keyed }] of messages.entries()) {
      const { answered } = this.turns.get(message) ?? { answered: Number.POSITIVE_INFINITY }
      const before = this.turns.get(message)?.issued
      const turn = before === undefined ? { issued, answered, offer: issued, nth } : { issued: before, answered }
      this.turns.set(message, turn)
      if (is_keyed) this.told_apart.add(message)
    }
  }

  /** Its publisher was told that it is in custody. `by`: a lane, so that it has a place in its order. */
  confirmed(message: number, by: 'lane' | 'queue'): void {
    this.accepted.add(message)
    const turn = this.turns.get(message)
    if (turn === undefined) return
    // A queue keeps no order.
    if (by === 'queue') this.turns.set(message, { issued: turn.issued, answered: turn.answered })
    else turn.answered = Math.min(turn.answered, ++this.tick)
  }

  // --- what lanes do ---

  placed(lane: number, row: Row, how: 'insert' | 'requeue'): void {
    const { order_key, message } = row
    if (how === 'requeue') {
      this.turns.set(message, { issued: ++this.tick, answered: this.tick })
      this.coverage.count('restarts', order_key === null ? 'without its ordering key' : 'in its ordering key')
    }
    for (const [other, { disk }] of this.lanes) {
      if (other === lane) continue
      if (order_key !== null && disk.rows.head(order_key) !== undefined) this.foundTwice(order_key)
      if (how === 'insert' && this.told_apart.has(message) && disk.rows.of(message) !== undefined) {
        throw new Violation('two lanes accepted one message')
      }
    }
  }

  /** Its place in its order; a crash may take back what changed it. */
  turnOf(message: number): Turn | undefined {
    return this.turns.get(message)
  }

  restoreTurn(message: number, turn: Turn): void {
    this.turns.set(message, turn)
  }

  /** What was confirmed before this was issued has ended, if both have the same ordering key. */
  attempted(lane: number, { message, order_key }: Row): void {
    if (order_key === null || this.database.was_unordered) return
    const turn = this.turns.get(message)
    if (turn === undefined) return
    for (const row of this.lanes.get(lane)?.disk.rows.all() ?? []) {
      if (row.order_key !== order_key || row.message === message || isFinished(row)) continue
      const other = this.turns.get(row.message)
      if (other !== undefined && isBefore(other, turn)) {
        throw new Violation('a message was attempted before one of its ordering key that was published before it')
      }
    }
  }

  adopted(): void {
    this.checkShares()
  }

  /** What a crash takes back may bring back a delivery that had ended. */
  crashed(isQueued: (message: number) => boolean): void {
    const held = new Set<string>()
    for (const { disk } of this.lanes.values()) {
      for (const { order_key } of disk.rows.heads()) {
        if (order_key === null) continue
        if (held.has(order_key)) this.foundTwice(order_key)
        held.add(order_key)
      }
    }
    for (const message of this.accepted) {
      if (!this.isHeld(message) && !isQueued(message)) throw new Violation('an accepted message was lost')
    }
  }

  /** Where `ordering` was switched off while lanes still knew it as `key`, nobody asked for an order. */
  private foundTwice(order_key: string): void {
    if (!this.database.was_unordered)
      throw new Violation(`unfinished deliveries of ordering key ${order_key} are in two lanes`)
  }

  isHeld(message: number): boolean {
    for (const { disk } of this.lanes.values()) if (disk.rows.of(message) !== undefined) return true
    return false
  }

  // --- shares ---

  /** Once everybody knows the settings, the lanes together keep to the endpoint's. */
  private checkShares(): void {
    const whole = this.database.settings
    if (whole === null) return
    const { layout = ONE_LANE } = whole
    const shares = this.shares(layout)
    if (shares === null) return
    const sum = shares.reduce((all, share) => all + share, 0)
    // Each lane that has to drain needs an attempt of its own, however many they are.
    if (sum > Math.max(whole.rules.max_in_flight, shares.length)) {
      throw new Violation(`the lanes together may make ${sum} attempts at once`)
    }
  }

  /** What each working lane may have in flight; null while one does not know the settings of now. */
  private shares(layout: Layout): number[] | null {
    const version = this.database.settings?.version
    const shares: number[] = []
    for (const n of workingLanes(layout)) {
      const lane = this.lanes.get(n)
      const settings = lane?.disk.meta.settings
      if (lane === undefined || settings === undefined || settings === null) continue
      if (settings.version !== version) return null
      shares.push(lane.rulesOf(settings).max_in_flight)
    }
    return shares
  }

  // --- the end ---

  /** All has healed, and nothing is left to do. */
  checkAtRest(): void {
    const whole = this.database.settings
    if (whole === null) return
    const { layout = ONE_LANE } = whole
    if (layout.draining !== 0) throw new Violation('at rest lanes are still said to be draining')
    this.coverage.count('ends', 'all lanes drained')
    for (const message of this.accepted) {
      if (!this.isHeld(message)) throw new Violation('an accepted message was lost')
    }
    const shares = this.shares(layout)
    if (shares === null || shares.length < layout.lanes) throw new Violation('at rest a lane has old settings')
    if (shares.reduce((all, share) => all + share, 0) !== Math.max(whole.rules.max_in_flight, layout.lanes)) {
      throw new Violation('at rest the lanes do not make use of what the endpoint may have in flight')
    }
    this.coverage.count('ends', 'all shares full')
  }
}
