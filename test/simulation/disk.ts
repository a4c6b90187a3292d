/** An Endpoint's storage. The writes of one turn are kept or lost together. */
import type { EndpointState } from '../../durable-objects/endpoint/machine.ts'
import type { DisabledReason } from '../../durable-objects/endpoint/rpc.ts'
import { ModelRows } from './rows.ts'
import type { Settings } from './scenario.ts'

/** A delivery used up its retries: which, and when. */
export interface DeadLetter {
  id: number
  message: number
  died_at: number
}

/** A disabling of its own, with what it knew then. */
export interface OwnDisabling {
  reason: DisabledReason
  version: number
  enabled_at: number | null
}

/** Everything but the rows. Replaced, never changed. */
interface Meta {
  readonly settings: Settings | null
  /** It disabled itself, and the database has not heard of it. */
  readonly unreported: OwnDisabling | null
  readonly condition: Pick<EndpointState, 'breaker' | 'cancel_below'> | null
  readonly watermark: number
  readonly alarm_at: number | null
  readonly outbox: readonly DeadLetter[]
  readonly unprojected: ReadonlySet<number>
  /** Messages whose content was erased, or is the moment they arrive. */
  readonly erased: ReadonlySet<number>
}

const EMPTY: Meta = {
  settings: null,
  unreported: null,
  condition: null,
  watermark: 0,
  alarm_at: null,
  outbox: [],
  unprojected: new Set(),
  erased: new Set(),
}

export class Disk {
  readonly rows = new ModelRows((step) => this.undo.push(step))
  private stored: Meta = EMPTY
  private undo: (() => void)[] = []

  get meta(): Meta {
    return this.stored
  }

  write(change: Partial<Meta>): void {
    const before = this.stored
    this.stored = { ...before, ...change }
    this.undo.push(() => {
      this.stored = before
    })
  }

  /** What the turn that ends has written, as the way to take it back; null when it wrote nothing. */
  endTurn(): (() => void)[] | null {
    if (this.undo.length === 0) return null
    const { undo } = this
    this.undo = []
    return undo
  }

  /** Takes back the writes of turns that were not committed, the last first. */
  takeBack(turns: readonly (readonly (() => void)[])[]): void {
    for (const undo of turns.toReversed()) for (const step of undo.toReversed()) step()
    // Taking back is not writing.
    this.undo = []
  }

  wipe(): void {
    for (const row of [...this.rows.all()]) this.rows.delete(row.position)
    this.write(EMPTY)
  }
}
