/** D1 with the layout of the endpoint's lanes. What it says may be old when it arrives. */
import { ONE_LANE } from '../../../src/endpoints/lanes.ts'
import { Database } from '../database.ts'
import type { Settings } from '../scenario.ts'
import type { World } from '../world.ts'
import type { Flaws } from './lane-code.ts'

const WAY_BACK_MS_MAX = 30
const WAY_BACK_MS_SLOW = 2000

export class LaneDatabase extends Database {
  private readonly flaws: Flaws
  private readonly beyond: World
  onDrained: () => void = () => {}
  /** The endpoint's ordering has been switched off at some time. */
  was_unordered = false

  constructor(world: World, settings: Settings, flaws: Flaws) {
    super(world, settings)
    this.beyond = world
    this.flaws = flaws
  }

  override query<T>(effect: () => T, done: (result: T, is_slow: boolean) => void, failed: () => void): void {
    const { random } = this.beyond
    const arrive = (result: T, is_slow: boolean) => {
      const most_ms = is_slow && random.chance(0.5) ? WAY_BACK_MS_SLOW : WAY_BACK_MS_MAX
      this.beyond.after(random.between(0, most_ms), () => done(result, is_slow))
    }
    super.query(effect, arrive, failed)
  }

  /** As src/endpoints/mark-drained.ts: unless the layout has changed since. */
  markDrained(epoch: number, lane: number): void {
    const { settings } = this
    if (settings === null) return
    const { layout = ONE_LANE } = settings
    const is_of_now = layout.epoch === epoch || this.flaws.marks_any_layout
    if (!is_of_now || (layout.draining & (1 << lane)) === 0) return
    this.onDrained()
    const draining = layout.draining & ~(1 << lane)
    this.settings = { ...settings, version: settings.version + 1, layout: { ...layout, draining } }
  }
}
