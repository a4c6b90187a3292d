/** The object's copy of what the database says of it, and its own disabling while the database has not heard of that. */
import type { DisabledReason } from '../../durable-objects/endpoint/rpc.ts'
import type { Database } from './database.ts'
import type { Disk } from './disk.ts'
import type { Process } from './process.ts'
import type { Settings } from './scenario.ts'

export class SettingsCopy {
  private readonly process: Process
  private readonly disk: Disk
  private readonly database: Database
  /** Null in an object that was never told. */
  current: Settings | null = null

  constructor(process: Process, disk: Disk, database: Database) {
    this.process = process
    this.disk = disk
    this.database = database
  }

  /** As new as the caller knows them; null when the endpoint was deleted. With the database down, what is known. */
  atLeast(version: number, then: (settings: Settings | null) => void, failed: () => void): void {
    if (!this.process.rouse()) {
      failed()
      return
    }
    const { current, database } = this
    if (current !== null && current.version >= version) {
      then(current)
      return
    }
    const isAlive = this.process.lifeline()
    database.query(
      () => database.settings,
      (known) => (isAlive() ? then(known) : failed()),
      () => (isAlive() && this.current !== null ? then(this.current) : failed()),
    )
  }

  /** Its own disabling, of which the database has not heard yet, stands unless somebody enabled it since. */
  write(settings: Settings): Settings {
    const own = this.disk.meta.unreported
    const is_over = own !== null && settings.enabled_at !== null && settings.enabled_at >= own.at
    if (is_over) this.disk.write({ unreported: null })
    const disabled = settings.rules.disabled ?? (is_over ? null : (own?.reason ?? null))
    this.current = { ...settings, rules: { ...settings.rules, disabled } }
    this.disk.write({ settings: this.current })
    return this.current
  }

  disable(reason: DisabledReason, at: number): void {
    if (this.current === null) return
    this.disk.write({ unreported: { reason, at } })
    this.write(this.current)
    this.report()
  }

  /** @param then when that is done, or could not be */
  report(then: () => void = () => {}): void {
    const { unreported } = this.disk.meta
    if (unreported === null) {
      then()
      return
    }
    this.process.ask<void>(
      (done, failed) => this.database.query(() => this.database.markDisabled(unreported), done, failed),
      () => {
        this.disk.write({ unreported: null })
        then()
      },
      then,
    )
  }
}
