import type { DeadLetterNotice, EnqueueItem } from '../../durable-objects/endpoint/rpc.ts'

/** Overflow of a publish: one message for up to 20 endpoints that were not called directly. */
export interface FanoutMessage {
  v: 1
  tenant_id: string
  item: FanoutItem
  endpoint_ids: string[]
  /** A filter that could not be evaluated, by endpoint id; recorded on its delivery. */
  notes: Record<string, string>
}

/** {@link EnqueueItem} as a queue carries it: bytes as base64. */
export type FanoutItem = Omit<EnqueueItem, 'body' | 'note'> & {
  body: { base64: string } | { r2_key: string; size_bytes: number }
}

/** The clock of a delayed retry. Late, duplicated or lost it does no harm: the Endpoint decides. */
export interface RetryMessage {
  v: 1
  tenant_id: string
  endpoint_id: string
  /** Object name, which differs from the endpoint id for lanes beyond 0. */
  object_name: string
  /** Delivery position inside the Endpoint. */
  position: number
  /** Unix milliseconds. */
  due_at: number
}

/** Notice that a delivery used up its retries. The Endpoint keeps the delivery itself. */
export type DeadLetterMessage = DeadLetterNotice & { v: 1 }
