/** The object's copy of what the database says of it, and its own disabling while the database has not heard of that. */
import type { DisabledReason } from '../../durable-objects/endpoint/rpc.ts'
import type { Database } from './database.ts'
import type { Disk } from './disk.ts'
import type { Process } from './process.ts'
import type { Settings } from './scenario.ts'

/** Whoever waits for one read of the database. */
type Reader = [then: (settings: Settings | null) => void, failed: () => void]

export class SettingsCopy {
  private readonly process: Process
  private readonly disk: Disk
  private readonly database: Database
  private readers: Reader[] | null = null
  /** Null in an object that was never told. */
  current: Settings | null = null
  /** Mutants of lanes: a read that began too early does, and so does an older layout while the database is down. */
  flaws: { shares_early_reads?: boolean; goes_by_old_layout?: boolean } = {}
  /** The database has heard of its own disabling. */
  onReported: () => void = () => {}

  constructor(process: Process, disk: Disk, database: Database) {
    this.process = process
    this.disk = disk
    this.database = database
  }

  /** What the process knew ends with it. */
  forget(): void {
    this.current = null
    this.readers = null
  }

  /**
   * As new as the caller knows them; null when the endpoint was deleted. With the database down, what is
   * known, unless it is of an older layout than the caller's.
   */
  atLeast(version: number, then: (settings: Settings | null) => void, failed: () => void, epoch = 0): void {
    if (!this.process.rouse()) {
      failed()
      return
    }
    const isNewEnough = (known: Settings) => known.version >= version && (known.layout?.epoch ?? 0) >= epoch
    const { current } = this
    if (current !== null && isNewEnough(current)) {
      then(current)
      return
    }
    const isAlive = this.process.lifeline()
    const makeDo = () => {
      const is_usable =
        this.current !== null && ((this.current.layout?.epoch ?? 0) >= epoch || this.flaws.goes_by_old_layout)
      if (isAlive() && is_usable) then(this.current)
      else failed()
    }
    this.load((known) => {
      // The read may have begun, for somebody else, before what the caller knows was written.
      if (known === null || isNewEnough(known) || this.flaws.shares_early_reads) then(known)
      else this.load(then, makeDo)
    }, makeDo)
  }

  /** What the database says; whoever asks meanwhile shares the read. Fails with the process. */
  load(then: (settings: Settings | null) => void, failed: () => void): void {
    if (this.readers !== null) {
      this.readers.push([then, failed])
      return
    }
    const readers: Reader[] = [[then, failed]]
    this.readers = readers
    const isAlive = this.process.lifeline()
    const end = (tell: (reader: Reader) => void) => {
      if (isAlive()) this.readers = null
      for (const reader of readers) tell(reader)
    }
    this.database.query(
      () => this.database.settings,
      (known) => end(([then, failed]) => (isAlive() ? then(known) : failed())),
      () => end(([, failed]) => failed()),
    )
  }

  /** Its own disabling, of which the database has not heard yet, stands unless somebody enabled it since. */
  write(settings: Settings): Settings {
    const own = this.disk.meta.unreported
    const is_over = own !== null && settings.version > own.version && settings.enabled_at !== own.enabled_at
    if (is_over) this.disk.write({ unreported: null })
    const disabled = settings.rules.disabled ?? (is_over ? null : (own?.reason ?? null))
    this.current = { ...settings, rules: { ...settings.rules, disabled } }
    this.disk.write({ settings: this.current })
    return this.current
  }

  disable(reason: DisabledReason): void {
    if (this.current === null) return
    const { version, enabled_at } = this.current
    this.disk.write({ unreported: { reason, version, enabled_at } })
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
        this.onReported()
        then()
      },
      then,
    )
  }
}
