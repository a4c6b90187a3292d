/** How a delivery is stored, in the parts that are read together. */
import type { Change } from './machine.ts'
import type { AttemptError } from './rpc.ts'

type RawState = Change['state']

/** A delivery as stored, without its payload and attempts. */
export interface DeliveryRow extends Record<string, SqlStorageValue> {
  position: number
  message_id: string
  state: RawState
  due_at: number | null
  order_key: string | null
  failures: number
  attempts: number
  last_status: number | null
  last_error: AttemptError | null
  revision: number
  accepted_at: number
  updated_at: number
  finished_at: number | null
  event_type: string
  ordering_key: string | null
  note: string | null
  fingerprint: string
  /** When the retention of its type took its content. */
  expired_at: number | null
  /** When its content was erased on behalf of its data subject. */
  erased_at: number | null
}

/** What the read model keeps of a delivery. */
export interface ProjectedRow extends DeliveryRow {
  subject: string | null
}

/** What an attempt needs to know of a delivery. */
export interface Parcel extends Record<string, SqlStorageValue> {
  position: number
  message_id: string
  event_type: string
  content_type: string
  format: 'event' | 'raw'
  /** JSON object. */
  headers: string
  r2_key: string | null
  size_bytes: number
  attempts: number
  failures: number
  order_key: string | null
  erased_at: number | null
  payload: ArrayBuffer | null
}

/** Columns of a {@link DeliveryRow}. */
export const ROW = `position, message_id, state, due_at, order_key, failures, attempts, last_status, last_error, revision,
  accepted_at, updated_at, finished_at, event_type, ordering_key, note, fingerprint, expired_at, erased_at`
/** Columns of a {@link Parcel}. */
export const PARCEL = `position, message_id, event_type, content_type, format, headers, r2_key, size_bytes, attempts, failures,
  order_key, erased_at, payload`
