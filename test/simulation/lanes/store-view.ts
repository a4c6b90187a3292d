/** The rows of a lane as the Endpoint's intake looks at its storage. */
import { endPosition, firstPosition } from '../../../durable-objects/endpoint/position.ts'
import type { EnqueueItem } from '../../../durable-objects/endpoint/rpc.ts'
import type { ModelRows, Row } from '../rows.ts'
import type { Known, StoreView } from './lane-code.ts'

/** A message on its way. */
export interface Sent {
  message: number
  key: string | null
  /** It has an idempotency key. */
  is_keyed: boolean
  accepted_at: number
}

export function toItem({ message, key, is_keyed, accepted_at }: Sent): EnqueueItem {
  return {
    message_id: `${is_keyed ? 'keyed' : 'timed'}_${message}`,
    event_type: 'simulated',
    content_type: 'application/json',
    format: 'event',
    headers: {},
    channels: [],
    ordering_key: key,
    subject: null,
    accepted_at,
    fingerprint: '',
    body: { inline: new Uint8Array() },
    note: null,
  }
}

export function messageOf({ message_id }: Pick<EnqueueItem, 'message_id'>): number {
  return Number(message_id.split('_')[1])
}

export function viewOf(rows: ModelRows): StoreView {
  return {
    acceptedAt: (accepted_at) => {
      const [first, end] = [firstPosition(accepted_at), endPosition(accepted_at)]
      const get = (message_id: string) => {
        const row = rows.of(messageOf({ message_id }))
        return row !== undefined && row.position >= first && row.position < end ? known(row) : undefined
      }
      return { by_message_id: { get }, free: rows.free(first, end) }
    },
    // Only an id without a time in it has an index.
    findKeyed: (message_id) => {
      const row = message_id.startsWith('keyed') ? rows.of(messageOf({ message_id })) : undefined
      return row === undefined ? null : known(row)
    },
    lastSeq: (order_key) => rows.head(order_key)?.seq ?? null,
  }
}

function known({ state, position, erased_at }: Row): Known {
  return { fingerprint: '', accepted_at: Math.floor(position / firstPosition(1)), state, erased_at }
}
