import { homeOf, isDraining, type Layout } from '../../src/endpoints/lanes.ts'
import { markDrained } from '../../src/endpoints/mark-drained.ts'
import type { Report } from '../../src/report.ts'
import type { SettingsCopy } from './settings-copy.ts'
import type { Store } from './store.ts'

/** What a lane needs to know and to tell. */
export interface DrainingShell {
  db: D1Database
  lane: number
  store: Pick<Store, 'findOrderKey' | 'countUnfinished'>
  settings: Pick<SettingsCopy, 'current'>
  /** Whether an attempt is under way. */
  isBusy(): boolean
  /** The alarm is to ring soon. */
  remind(): void
  /** Everybody takes over what D1 says now. */
  spreadSettings(): Promise<void>
  report: Report
}

/**
 * After the number of lanes has changed: whether this lane still holds what would go to another one now,
 * and, once it does not, letting everybody know. Until then new messages of its ordering keys come here.
 */
export class Draining {
  private readonly shell: DrainingShell
  private reporting: Promise<void> | null = null
  /** A key that was foreign when last looked at; looked at first, because there may be many. */
  private foreign_key: string | null = null

  constructor(shell: DrainingShell) {
    this.shell = shell
  }

  /** It has drained, and D1 does not know. */
  isUnreported(): boolean {
    const { current } = this.shell.settings
    return current !== null && isDraining(current.layout, this.shell.lane) && !this.holdsForeign(current.layout)
  }

  /** Tells D1 and the other lanes; repeated by the alarm until D1 has heard it. Never throws. */
  report(): Promise<void> {
    this.reporting ??= this.tell().finally(() => {
      this.reporting = null
      // D1 did not hear it, or the layout has changed meanwhile. Nothing else may be left to wake this lane.
      if (this.isUnreported()) this.shell.remind()
    })
    return this.reporting
  }

  private async tell(): Promise<void> {
    const { db, lane, report, settings } = this.shell
    const { current } = settings
    if (current === null || !this.isUnreported()) return
    try {
      await markDrained(db, current, lane)
      await this.shell.spreadSettings()
    } catch (error) {
      report('endpoint.drained_unreported', error, { lane })
    }
  }

  private holdsForeign(layout: Layout): boolean {
    const { lane, store } = this.shell
    if (lane >= layout.lanes) return this.shell.isBusy() || store.countUnfinished(1) > 0
    const isForeign = (ordering_key: string) => homeOf(layout, { message_id: '', ordering_key }) !== lane
    this.foreign_key = store.findOrderKey(this.foreign_key, isForeign) ?? store.findOrderKey(null, isForeign)
    return this.foreign_key !== null
  }
}
