/** A lane's report that it holds nothing foreign any more. As durable-objects/endpoint/draining.ts has it. */
import { ONE_LANE } from '../../../src/endpoints/lanes.ts'
import type { Process } from '../process.ts'
import type { ModelRows } from '../rows.ts'
import type { Settings } from '../scenario.ts'
import type { LaneSurroundings } from './lane-endpoint.ts'

interface Shell {
  current(): Settings | null
  isBusy(): boolean
  remind(): void
  spreadSettings(then: () => void): void
}

export class DrainingReport {
  private readonly process: Process
  private readonly beside: Pick<LaneSurroundings, 'lane' | 'code' | 'flaws' | 'database'>
  private readonly rows: ModelRows
  private readonly shell: Shell
  private following: (() => void)[] | null = null

  constructor(process: Process, beside: DrainingReport['beside'], rows: ModelRows, shell: Shell) {
    this.process = process
    this.beside = beside
    this.rows = rows
    this.shell = shell
  }

  forget(): void {
    this.following = null
  }

  /** It has drained, and the database does not know. */
  isUnreported(): boolean {
    const { code, lane, flaws } = this.beside
    const layout = this.shell.current()?.layout
    if (layout === undefined || !code.isDraining(layout, lane) || flaws.reports_never) return false
    return !this.holdsForeign()
  }

  /** @param then when that is done, or could not be */
  report(then: () => void = () => {}): void {
    if (this.following !== null) {
      this.following.push(then)
      return
    }
    this.following = [then]
    const layout = this.shell.current()?.layout
    if (layout === undefined || !this.isUnreported()) {
      this.end()
      return
    }
    const { database, lane } = this.beside
    this.process.ask<void>(
      (done, failed) => database.query(() => database.markDrained(layout.epoch, lane), done, failed),
      () => this.shell.spreadSettings(() => this.end()),
      () => this.end(),
    )
  }

  private end(): void {
    const following = this.following ?? []
    this.following = null
    if (this.isUnreported()) this.shell.remind()
    for (const then of following) then()
  }

  private holdsForeign(): boolean {
    const { code, lane, flaws } = this.beside
    const layout = this.shell.current()?.layout ?? ONE_LANE
    if (flaws.reports_early) return false
    if (lane >= layout.lanes) return this.shell.isBusy() || this.rows.unfinished_count > 0
    for (const { order_key } of this.rows.heads()) {
      if (order_key !== null && code.homeOf(layout, { message_id: '', ordering_key: order_key }) !== lane) return true
    }
    return false
  }
}
