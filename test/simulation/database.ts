/** D1: the endpoint's configuration, the read model and the dead letters; at times down, slow, or deaf afterwards. */
import type { DeadLetter, OwnDisabling } from './disk.ts'
import type { Row } from './rows.ts'
import type { Settings } from './scenario.ts'
import type { World } from './world.ts'

const SLOW_MS = 1000

export class Database {
  private readonly world: World
  /** Null once the endpoint is deleted. */
  settings: Settings | null
  private readonly deliveries = new Map<string, Row>()
  /** By message: when it died. */
  readonly dead_letters = new Map<number, Set<number>>()

  constructor(world: World, settings: Settings) {
    this.world = world
    this.settings = settings
  }

  /** One query. `effect` happens or not; whether the caller hears of it is another matter. */
  query<T>(effect: () => T, done: (result: T, is_slow: boolean) => void, failed: () => void): void {
    const { world } = this
    const slow = world.strikes('database.slow')
    if (slow) world.fault('database slow')
    world.after(slow ? world.random.between(SLOW_MS, 5 * SLOW_MS) : world.random.between(1, 30), () => {
      if (world.strikes('database.down')) {
        world.fault('database down')
        failed()
        return
      }
      const result = effect()
      if (world.strikes('database.answer_lost')) {
        world.fault('database took effect, answer lost')
        failed()
      } else {
        done(result, slow)
      }
    })
  }

  /** Unless it is disabled already, was enabled since, or is gone. */
  markDisabled({ reason, enabled_at }: OwnDisabling): void {
    const { settings } = this
    if (settings === null || settings.rules.disabled !== null || settings.enabled_at !== enabled_at) return
    this.settings = { ...settings, version: settings.version + 1, rules: { ...settings.rules, disabled: reason } }
  }

  /** Later revisions win, whatever the order of arrival. */
  project(rows: readonly Row[]): void {
    for (const row of rows) {
      const key = keyOf(row)
      if (row.revision > (this.deliveries.get(key)?.revision ?? 0)) this.deliveries.set(key, row)
    }
  }

  projected(row: Row): Row | undefined {
    return this.deliveries.get(keyOf(row))
  }

  recordDeadLetters(letters: readonly DeadLetter[]): void {
    for (const { message, died_at } of letters) {
      const deaths = this.dead_letters.get(message) ?? new Set()
      this.dead_letters.set(message, deaths.add(died_at))
    }
  }
}

/** As the table's primary key: an id that is accepted again later is another row. */
function keyOf({ message, position }: Row): string {
  return `${message}/${position}`
}
