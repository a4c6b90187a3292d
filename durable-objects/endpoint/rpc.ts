/**
 * What the rest of Postern may say to an Endpoint, and what it answers. The one file of this
 * folder that other domains import. Times are Unix milliseconds, durations end in their unit.
 */
import type { Layout } from '../../src/endpoints/lanes.ts'

export const DELIVERY_STATES = ['pending', 'delivering', 'waiting', 'parked', 'succeeded', 'dead', 'cancelled'] as const

export type DeliveryState = (typeof DELIVERY_STATES)[number]

/** States that end a delivery; only a person (retry, redrive, replay) starts it again. */
export const FINISHED_STATES = ['succeeded', 'dead', 'cancelled'] as const satisfies DeliveryState[]

export type Ordering = 'none' | 'key' | 'fifo'

export type DisabledReason = 'manual' | 'gone' | 'failing'

/** A signing secret as stored: encrypted under a master key, with tenant and endpoint as associated data. */
export interface SealedSecret {
  kind: 'hmac' | 'ed25519'
  sealed: string
  created_at: number
  /** When it stops signing; null for the current one. */
  expires_at: number | null
}

/** An endpoint's own headers by name: their values encrypted, but for those of before that was done. */
export type StoredHeaders = Readonly<Record<string, string | { sealed: string }>>

/** Everything an Endpoint needs to know from D1, pushed on change and pulled when a call names a newer version. */
export interface EndpointSettings {
  tenant_id: string
  endpoint_id: string
  /** Grows with every change of the endpoint or of its tenant (the sum of both rows' versions). */
  version: number
  url: string
  disabled: DisabledReason | null
  /** When somebody last enabled it. */
  enabled_at: number | null
  /** Whoever enabled it wanted what was parked and accepted before this to be cancelled. */
  cancel_before: number | null
  headers: StoredHeaders
  secrets: SealedSecret[]
  timeout_ms: number
  retry_delays_ms: number[]
  max_in_flight: number
  rate_limit_per_s: number | null
  ordering: Ordering
  /** JSONata over {type, data, headers}; its result replaces the body. */
  transform: string | null
  /** Failing for this long without one success disables the endpoint. */
  disable_after_ms: number
  /** How long finished deliveries, and so the ids seen, are kept. */
  retention_ms: number
  /** How long the content of finished deliveries is kept, by event type, where that is less. */
  retention_ms_of_types: Record<string, number>
  /** Deliveries not yet finished that this endpoint may hold. */
  max_unfinished: number
  layout: Layout
}

export type StoredBody = { inline: Uint8Array } | { r2_key: string; size_bytes: number }

/** What a filter that could not be evaluated leaves, followed by why. */
export const FILTER_FAILED = 'filter_failed'

/** A reason without the sentence after it, which may quote a message: for lists, and whatever else knows nothing of redaction. */
export function wordOfReason(reason: string | null): string | null {
  return reason?.startsWith(`${FILTER_FAILED}:`) ? FILTER_FAILED : reason
}

/** One message on its way into an Endpoint. */
export interface EnqueueItem {
  message_id: string
  event_type: string
  content_type: string
  /** `event`: the body is Postern's own `{type, timestamp, data}`; `raw`: it is passed through byte for byte. */
  format: 'event' | 'raw'
  /** Original headers to forward, as received. */
  headers: Record<string, string>
  channels: string[]
  ordering_key: string | null
  /** Hash of whom its content is about (src/subjects/subject.ts); null when nobody said. Never sent to a receiver. */
  subject: string | null
  accepted_at: number
  /** SHA-256 (hex) over what the publisher sent; tells a duplicate from a conflict. */
  fingerprint: string
  body: StoredBody
  /** Why the delivery is unusual, e.g. a filter that could not be evaluated. */
  note: string | null
}

export interface EnqueueCall {
  tenant_id: string
  endpoint_id: string
  /** The caller's settings version; an Endpoint that knows an older one reads D1 first. */
  settings_version: number
  /** Of the layout that the caller goes by; a lane that knows an older one reads D1 first. */
  epoch: number
  /**
   * `home`: the items belong to this lane. `former`: they belong to another one, and this lane takes them
   * only if it must, because they come behind deliveries of their ordering key that it still holds.
   * `inquiry`: it takes nothing, and only says which ids it knows.
   */
  as: 'home' | 'former' | 'inquiry'
  items: EnqueueItem[]
}

export interface EnqueueAnswer {
  /** In the order of the items; empty when nothing was taken because of `moved`. */
  results: EnqueueResult[]
  /** The layout by which the caller has to try again, because its own is older. */
  moved: Layout | null
}

export type EnqueueResult =
  | { outcome: 'accepted'; state: DeliveryState }
  /** The same id and fingerprint were accepted before, at `accepted_at`. */
  | { outcome: 'duplicate'; state: DeliveryState; accepted_at: number }
  /** The same id was accepted before with another fingerprint. */
  | { outcome: 'conflict' }
  /** `max_unfinished` is reached. */
  | { outcome: 'full' }
  /** The endpoint was deleted. */
  | { outcome: 'gone' }
  /** Asked as a former lane: nothing here concerns it, so it may go to its home. */
  | { outcome: 'elsewhere' }

/** What one attempt keeps. */
export interface AttemptRecord {
  id: string
  /** 1 for the first. */
  number: number
  started_at: number
  duration_ms: number
  /** HTTP status, when there was an answer. */
  status: number | null
  /** A word for why it failed; null on success. */
  error: AttemptError | null
  /** A sentence more about the error. */
  detail: string | null
  request_headers: Record<string, string>
  response_headers: Record<string, string>
  /** The first 4 KiB of the response body, as text. */
  response_body: string
}

export type AttemptError =
  | 'timeout'
  | 'connection_failed'
  | 'url_refused'
  | 'invalid_request'
  | 'redirect'
  | 'client_error'
  | 'rate_limited'
  | 'gone'
  | 'server_error'
  | 'unexpected_status'
  | 'transform_failed'
  | 'payload_missing'
  | 'signing_failed'
  | 'interrupted'

export interface DeliveryView {
  message_id: string
  endpoint_id: string
  event_type: string
  state: DeliveryState
  /** Why it is in this state, when that is not evident: a note, `breaker_open`, `endpoint_disabled: gone`, … */
  reason: string | null
  attempts: number
  last_status: number | null
  last_error: AttemptError | null
  ordering_key: string | null
  accepted_at: number
  next_attempt_at: number | null
  finished_at: number | null
  /** When its content was erased on behalf of its data subject. */
  erased_at: number | null
  updated_at: number
}

export interface DeliveryQuery {
  states?: DeliveryState[]
  event_type?: string
  /** Inclusive. */
  since?: number
  /** Exclusive. */
  until?: number
  limit: number
  /** Only positions below. */
  below?: number
}

/** A delivery in a list, with its place among the endpoint's. */
export interface ListedDelivery extends DeliveryView {
  position: number
}

/** The message an Endpoint holds: enough to show it or to send it somewhere else. */
export interface StoredMessage extends Omit<EnqueueItem, 'note' | 'body'> {
  /** Null when the retention of its type has taken it, or an erasure. */
  body: StoredBody | null
  size_bytes: number
  /** When its content was erased: what there is of it is empty. */
  erased_at: number | null
}

/** A delivery with what it brought. */
export interface DeliveryDetail {
  /** Its reason in full: it may quote the message. */
  delivery: DeliveryView
  attempts: AttemptRecord[]
  /** When the retention of its type took its payload and its attempts. */
  expired_at: number | null
}

export interface ReplayQuery {
  states: DeliveryState[]
  since?: number
  until?: number
  limit: number
  /** Only positions from here on. */
  from?: number
}

/** A delivery with its attempts and what it delivers. */
export interface WholeDelivery extends DeliveryDetail {
  message: StoredMessage
}

export type ControlResult =
  | 'done'
  | 'not_found'
  | 'wrong_state'
  /** The retention of its type has taken what it would deliver. */
  | 'expired'
  /** It was erased on behalf of its data subject. */
  | 'erased'

/** A data subject whose content has to go: all that was accepted until then. */
export interface Erasure {
  id: string
  /** Hash, as items carry it. */
  subject: string
  requested_at: number
}

/** What one lane has erased for one erasure, all its calls together. */
export interface ErasedCounts {
  /** Deliveries that lost their content. */
  deliveries: number
  /** Those of them that had not ended. */
  unfinished: number
  /** Attempts of theirs that lost headers and bodies. */
  attempts: number
}

export interface ErasureAnswer {
  counts: ErasedCounts
  /** Messages of the deliveries of this call that were dead. */
  dead: string[]
  /** Attempts still under way of what was erased, by this or another erasure. */
  in_flight: number
  /** Call again. */
  has_more: boolean
}

export interface BreakerView {
  state: 'closed' | 'open' | 'half_open'
  consecutive_failures: number
  /** Openings in a row without a full recovery. */
  openings: number
  opened_at: number | null
  /** When the probe may go. */
  open_until: number | null
  /** Attempts allowed at once right now (slow start after closing). */
  max_in_flight: number
  in_flight: number
  /** First failure since the last success. */
  failing_since: number | null
  unfinished: number
}

/** The Endpoint (one lane of it) as its callers see it. Every method may throw only what the platform throws. */
export interface EndpointRpc {
  /** Takes custody. Once this has returned results, the deliveries are durable. */
  enqueue(call: EnqueueCall): Promise<EnqueueAnswer>
  /** A retry's clock rang. Answers Unix ms when it should ring again, or null. */
  wake(position: number): Promise<number | null>
  /** Newer settings are taken over; older ones are ignored. */
  configure(settings: EndpointSettings): Promise<void>
  /** Newest first. The next page is below `next`; null on the last. */
  list(query: DeliveryQuery): Promise<{ deliveries: ListedDelivery[]; next: number | null }>
  get(message_id: string): Promise<DeliveryDetail | null>
  message(message_id: string): Promise<StoredMessage | null>
  /** Those of these messages of which it holds the content, ended or not. */
  held(message_ids: string[]): Promise<string[]>
  /** Attempt now: a waiting or parked delivery at once, a finished one from the start. */
  retry(message_ids: string[]): Promise<ControlResult[]>
  /** Starts dead deliveries again; `wrong_state` for one that is not dead (any more). */
  redrive(message_ids: string[]): Promise<ControlResult[]>
  cancel(message_ids: string[]): Promise<ControlResult[]>
  /** Starts finished deliveries again, oldest first. The next page is from `next` on; null on the last. */
  replay(query: ReplayQuery): Promise<{ count: number; next: number | null }>
  breaker(): Promise<BreakerView>
  resetBreaker(): Promise<BreakerView>
  /** Erases a page of what it holds of a data subject, and from now on whatever of it arrives late. */
  erase(erasure: Erasure): Promise<ErasureAnswer>
  /** A delivery with all there is of it. */
  whole(message_id: string): Promise<WholeDelivery | null>
  /** Deletes everything; the object stays empty afterwards. */
  remove(): Promise<void>
}
