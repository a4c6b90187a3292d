/** The order rules as a receiver sees them, given that it may get a message more than once. */
import type { Request } from './receivers.ts'
import type { ModelRows } from './rows.ts'
import { Violation } from './world.ts'

export class OrderAsReceived {
  private readonly rows: ModelRows
  private readonly last_accepted = new Map<string, number>()
  private readonly accepted_before = new Set<number>()

  constructor(rows: ModelRows) {
    this.rows = rows
  }

  /** Whatever arrives, nothing that was before it in its ordering key is still to come. */
  received({ order_key, seq, message }: Request): void {
    if (order_key === null) return
    const head = this.rows.head(order_key)
    if (head !== undefined && head.seq < seq && head.message !== message) {
      throw new Violation('a receiver got a message before an earlier one of its ordering key had ended')
    }
  }

  /** First acceptances of an ordering key come in its order. A request that nobody waits for any more proves nothing. */
  accepted({ order_key, seq, message, isAwaited }: Request): void {
    if (order_key === null || !isAwaited()) return
    const last = this.last_accepted.get(order_key) ?? -1
    if (seq < last && !this.accepted_before.has(message)) {
      throw new Violation('a receiver accepted messages of one ordering key in the wrong order')
    }
    this.accepted_before.add(message)
    this.last_accepted.set(order_key, Math.max(last, seq))
  }
}
