/** Who changes the endpoint: the database first, because it is the truth, then every lane is told, late, or not at all. */
import { everyLane, type Layout, ONE_LANE } from '../../../src/endpoints/lanes.ts'
import type { Settings } from '../scenario.ts'
import type { LaneEndpoint } from './lane-endpoint.ts'
import type { Reach } from './lane-publisher.ts'
import type { LaneHappening } from './lane-scenario.ts'

/** As src/endpoints/stub.ts. */
const PUSH_AGAIN_MS = [1000, 5000, 15_000]
const PUSH_MS_MAX = 20
const PUSH_MS_SLOW = 10_000

export class LaneOperator {
  private readonly reach: Reach
  private readonly lanes: ReadonlyMap<number, LaneEndpoint>

  constructor(reach: Reach, lanes: ReadonlyMap<number, LaneEndpoint>) {
    this.reach = reach
    this.lanes = lanes
  }

  relayout(lanes: number, pushed: boolean): void {
    const { code, world, coverage } = this.reach
    this.change((settings) => {
      const { layout = ONE_LANE, rules, retention_ms } = settings
      // Each lane needs an attempt of its own, so no more are allowed.
      const number = Math.min(lanes, rules.max_in_flight)
      if (number !== layout.lanes) {
        coverage.count('layouts', number > layout.lanes ? 'more lanes' : 'fewer lanes')
        if (layout.draining !== 0) coverage.count('layouts', 'changed while draining')
      }
      return { ...settings, layout: code.relayout(layout, number, world.wall + retention_ms, world.wall) }
    }, pushed)
  }

  configure({ rules, ordering, pushed }: Extract<LaneHappening, { does: 'configure' }>): void {
    this.change((settings) => {
      const { lanes } = settings.layout ?? ONE_LANE
      if (ordering === 'none') this.reach.database.was_unordered = true
      const changed = { ...settings.rules, ...rules }
      const fitting = { ...changed, max_in_flight: Math.max(lanes, changed.max_in_flight) }
      return { ...settings, rules: fitting, ordering: ordering ?? settings.ordering }
    }, pushed)
  }

  disable(pushed: boolean): void {
    this.change(
      ({ rules, ...rest }) => ({ ...rest, rules: { ...rules, disabled: rules.disabled ?? 'manual' } }),
      pushed,
    )
  }

  enable(parked: 'deliver' | 'cancel', pushed: boolean): void {
    const { wall } = this.reach.world
    const cancels = parked === 'cancel' ? { cancel_before: wall } : {}
    this.change(
      ({ rules, ...rest }) => ({ ...rest, ...cancels, enabled_at: wall, rules: { ...rules, disabled: null } }),
      pushed,
    )
  }

  /** Asks every lane, as src/endpoints/call-lanes.ts does. */
  control(what: 'retry' | 'cancel' | 'redrive', message: number): void {
    for (const lane of this.lanes.values()) lane.control(what, message)
  }

  restartAll(which: 'dead' | 'finished'): void {
    for (const lane of this.lanes.values()) {
      for (const { message, state } of lane.disk.rows.finished()) {
        if (which === 'finished' || state === 'dead') lane.control('retry', message)
      }
    }
  }

  /** To every lane. @param except the one that knows already */
  push(settings: Settings, except?: number): void {
    const layout: Layout = settings.layout ?? ONE_LANE
    for (const lane of everyLane(layout)) if (lane !== except) this.tell(lane, settings, 0)
  }

  private tell(lane: number, settings: Settings, tries: number): void {
    const { world, coverage } = this.reach
    const again = () => {
      const again_ms = PUSH_AGAIN_MS[tries]
      if (again_ms === undefined) {
        coverage.count('pushes', 'lost')
        return
      }
      coverage.count('pushes', 'made again')
      world.after(again_ms, () => this.tell(lane, settings, tries + 1))
    }
    if (world.strikes('push.lost')) {
      again()
      return
    }
    world.after(world.random.between(0, world.strikes('push.slow') ? PUSH_MS_SLOW : PUSH_MS_MAX), () => {
      coverage.count('pushes', 'heard')
      this.reach.lane(lane).configure(settings, again)
    })
  }

  private change(how: (settings: Settings) => Settings, pushed: boolean): void {
    const { database } = this.reach
    database.query(
      () => {
        const { settings } = database
        if (settings === null) return null
        database.settings = { ...how(settings), version: settings.version + 1 }
        return database.settings
      },
      (settings) => {
        if (settings !== null && pushed) this.push(settings)
      },
      () => {},
    )
  }
}
