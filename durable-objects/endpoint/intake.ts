import type { DeliveryRow, Parcel } from './delivery-row.ts'
import type { Arrival } from './machine.ts'
import { orderKey } from './order.ts'
import { endPosition, firstPosition } from './position.ts'
import type { EnqueueCall, EnqueueItem, EnqueueResult, Ordering } from './rpc.ts'
import type { Store } from './store.ts'

/** An item as it comes in. */
export interface Incoming {
  item: EnqueueItem
  as: EnqueueCall['as']
  /** Its data subject was erased meanwhile, so that it has no content any more. */
  is_erased: boolean
}

/** An item that is new, and where it will be. */
interface Placed {
  item: EnqueueItem
  order_key: string | null
  seq: number | null
}

/** What an earlier acceptance already decided, or the new position; a twin shares that of an earlier item of the call. */
type Verdict = EnqueueResult | { position: number; is_twin: boolean }

export interface Placing {
  arrivals: Arrival[]
  /** In the order of the items. */
  verdicts: Verdict[]
  placed: ReadonlyMap<number, Placed>
}

/** Tells what is new from what is known, and gives the new its place. */
export class Intake {
  private readonly store: Store
  private last_seq = 0

  constructor(store: Store) {
    this.store = store
  }

  /** @param has_room whether the object's database may still grow */
  place(incoming: readonly Incoming[], ordering: Ordering, has_room: boolean, now: number): Placing {
    const placed = new Map<number, Placed>()
    const arrivals: Arrival[] = []
    const seen = new Map<string, { fingerprint: string; position: number }>()
    const moments = new Map<number, ReturnType<Store['acceptedAt']>>()
    const keys_taken = new Set<string>()

    const verdicts = incoming.map(({ item, as, is_erased }): Verdict => {
      let moment = moments.get(item.accepted_at)
      if (moment === undefined) {
        moment = this.store.acceptedAt(item.accepted_at)
        moments.set(item.accepted_at, moment)
      }
      const known = moment.by_message_id.get(item.message_id) ?? this.store.findKeyed(item.message_id)
      if (known !== null) return sameOrConflict(item, known)
      const twin = seen.get(item.message_id)
      if (twin !== undefined) {
        if (twin.fingerprint !== item.fingerprint) return { outcome: 'conflict' }
        return { position: twin.position, is_twin: true }
      }

      const order_key = is_erased ? null : orderKey(ordering, item.ordering_key)
      const last_seq = order_key === null ? null : this.store.lastSeq(order_key)
      const is_behind = last_seq !== null || (order_key !== null && keys_taken.has(order_key))
      if (as === 'inquiry' || (as === 'former' && !is_behind)) return { outcome: 'elsewhere' }

      if (!has_room) return { outcome: 'full' }

      // The places of neighbouring milliseconds overlap, so one may be taken by another item of this call.
      let position = moment.free++
      while (placed.has(position)) position = moment.free++
      // Beyond its window a delivery could not be found by its id.
      if (position >= endPosition(item.accepted_at)) return { outcome: 'full' }
      if (order_key !== null) keys_taken.add(order_key)
      placed.set(position, { item, order_key, seq: order_key === null ? null : this.nextSeq(last_seq, now) })
      seen.set(item.message_id, { fingerprint: item.fingerprint, position })
      arrivals.push({ position, order_key, is_behind, is_erased })
      return { position, is_twin: false }
    })
    return { arrivals, verdicts, placed }
  }

  /** Writes a placed item as a delivery; answers what an attempt needs of it. */
  insert(
    { position, due_at }: { position: number; due_at: number | null },
    placed: Placing['placed'],
    watermark: number,
    now: number,
  ): Parcel {
    const place = placed.get(position)
    if (place === undefined) throw new Error(`no item was placed at ${position}`)
    const { item, order_key, seq } = place
    // A restart does not look below the watermark: a late arrival down there needs a due time to be found.
    const findable_at = due_at ?? (order_key === null && position < watermark ? now : null)
    this.store.insert(item, { position, order_key, due_at: findable_at, seq, watermark, now })
    const inline = 'inline' in item.body ? item.body.inline : null
    return {
      position,
      message_id: item.message_id,
      event_type: item.event_type,
      content_type: item.content_type,
      format: item.format,
      headers: JSON.stringify(item.headers),
      r2_key: 'r2_key' in item.body ? item.body.r2_key : null,
      size_bytes: 'r2_key' in item.body ? item.body.size_bytes : item.body.inline.byteLength,
      attempts: 0,
      failures: 0,
      order_key,
      erased_at: null,
      payload: inline === null ? null : exactBuffer(inline),
    }
  }

  /**
   * A place at the end of an ordering key: time, made strictly growing. Behind what is stored, too,
   * because a restart may find a clock that is behind the one before it.
   * @param last_seq place of the last that has not ended; null when none is left
   */
  nextSeq(last_seq: number | null, now: number): number {
    this.last_seq = Math.max(this.last_seq, last_seq ?? 0, firstPosition(now) - 1) + 1
    return this.last_seq
  }
}

function sameOrConflict(
  item: EnqueueItem,
  known: Pick<DeliveryRow, 'fingerprint' | 'accepted_at' | 'state' | 'erased_at'>,
): EnqueueResult {
  // Of what was erased nobody can tell any more whether it was the same.
  return known.erased_at !== null || known.fingerprint === item.fingerprint
    ? { outcome: 'duplicate', state: known.state, accepted_at: known.accepted_at }
    : { outcome: 'conflict' }
}

function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = bytes
  if (buffer instanceof ArrayBuffer && byteOffset === 0 && byteLength === buffer.byteLength) return buffer
  return bytes.slice().buffer as ArrayBuffer
}
