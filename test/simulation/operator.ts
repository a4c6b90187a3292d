/** Who changes the endpoint: the database first, because it is the truth, then the object is told, or not. */
import type { Database } from './database.ts'
import type { Happening, Settings } from './scenario.ts'
import type { SimulatedEndpoint } from './simulated-endpoint.ts'
import type { World } from './world.ts'

const PUSH_AGAIN_MS = [1000, 5000, 15_000]

type Change = Partial<Omit<Settings, 'version' | 'rules'>> & { rules?: Partial<Settings['rules']> }

export class Operator {
  private readonly world: World
  private readonly endpoint: SimulatedEndpoint
  private readonly database: Database

  constructor(world: World, endpoint: SimulatedEndpoint, database: Database) {
    this.world = world
    this.endpoint = endpoint
    this.database = database
  }

  configure({ rules, url, ordering, pushed }: Extract<Happening, { does: 'configure' }>): void {
    this.change({ rules, ...(url === null ? {} : { url }), ...(ordering === null ? {} : { ordering }) }, pushed)
  }

  disable(pushed: boolean): void {
    const disabled = this.database.settings?.rules.disabled ?? 'manual'
    this.change({ rules: { disabled } }, pushed)
  }

  enable(parked: 'deliver' | 'cancel', pushed: boolean): void {
    const { wall } = this.world
    const cancels = parked === 'cancel' ? { cancel_before: wall } : {}
    this.change({ rules: { disabled: null }, enabled_at: wall, ...cancels }, pushed)
  }

  delete(): void {
    this.database.settings = null
    this.endpoint.remove()
  }

  private change({ rules, ...rest }: Change, pushed: boolean): void {
    const { database, world } = this
    database.query(
      () => {
        const { settings } = database
        if (settings === null) return null
        database.settings = {
          ...settings,
          ...rest,
          version: settings.version + 1,
          rules: { ...settings.rules, ...rules },
        }
        return database.settings
      },
      (settings) => {
        if (settings === null) return
        if (pushed) this.push(settings, 0)
        else world.fault('settings not pushed')
      },
      () => {},
    )
  }

  private push(settings: Settings, tries: number): void {
    this.endpoint.configure(settings, () => {
      const again_ms = PUSH_AGAIN_MS[tries]
      if (again_ms !== undefined) this.world.after(again_ms, () => this.push(settings, tries + 1))
    })
  }
}
