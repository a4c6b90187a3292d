/** What a source has parked: read in pages, and told where it went. */
import type { Bindings } from '../env.ts'
import { getPayload } from '../messages/body.ts'
import type { Message } from '../messages/message.ts'

/** A message that is parked, as its row has it. */
export interface Parked {
  accepted_at: number
  id: string
  event_type: string
  content_type: string
  channels: string
  ordering_key: string | null
  headers: string
  subject: string | null
  fingerprint: string
  payload: ArrayBuffer | null
  r2_key: string | null
  size_bytes: number
}

/** `accepted_at` and id of a message: what was parked before it was looked at. */
export type Place = readonly [accepted_at: number, id: string]

export const BEGINNING: Place = [-1, '']

interface Source {
  tenant_id: string
  source_id: string
}

/**
 * The next so many, oldest first. None when the source is paused.
 * @throws what D1 throws
 */
export async function readParked(
  { DB }: Pick<Bindings, 'DB'>,
  { tenant_id, source_id }: Source,
  after: Place,
  limit: number,
): Promise<Parked[]> {
  const { results } = await DB.prepare(PAGE)
    .bind(tenant_id, source_id, ...after, limit)
    .all<Parked>()
  return results
}

/**
 * A parked message with its content, as it was when it was accepted. Null when its content is gone.
 * @throws what R2 throws
 */
export async function toMessage(
  { PAYLOADS }: Pick<Bindings, 'PAYLOADS'>,
  tenant_id: string,
  { payload, r2_key, channels, headers, size_bytes: _, ...row }: Parked,
): Promise<Message | null> {
  const bytes = r2_key !== null ? await getPayload(PAYLOADS, r2_key) : payload && new Uint8Array(payload)
  if (bytes === null) return null
  return {
    ...row,
    tenant_id,
    channels: JSON.parse(channels) as string[],
    headers: JSON.parse(headers) as Record<string, string>,
    // What comes through a source is not put into our envelope.
    format: 'raw',
    bytes,
    // Its provider may have sent it again, and it may have been handed on before: the Endpoints know.
    is_keyed: true,
  }
}

/** Where messages of a page have gone. */
export interface Gone {
  /** Somebody else has custody of them. */
  handed_on: readonly Parked[]
  /** Nobody wants them: from now on they are messages without a subscriber. */
  unwanted: readonly Parked[]
}

/**
 * Ends the parking of these messages.
 * @throws what D1 throws; then they are parked still
 */
export async function endParking(
  { DB }: Pick<Bindings, 'DB'>,
  { tenant_id, source_id }: Source,
  { handed_on, unwanted }: Gone,
): Promise<void> {
  const places = (parked: readonly Parked[]) => JSON.stringify(parked.map(({ accepted_at, id }) => [accepted_at, id]))
  const statements = []
  if (handed_on.length > 0) statements.push(DB.prepare(DELETE).bind(tenant_id, source_id, places(handed_on)))
  if (unwanted.length > 0) {
    const oldest = Math.min(...unwanted.map(({ accepted_at }) => accepted_at))
    const types = JSON.stringify([...new Set(unwanted.map(({ event_type }) => event_type))])
    statements.push(
      DB.prepare(KEEP).bind(tenant_id, source_id, places(unwanted)),
      DB.prepare(LOOK_AGAIN).bind(tenant_id, oldest, types),
    )
  }
  if (statements.length > 0) await DB.batch(statements)
}

const PAGE = `SELECT accepted_at, id, event_type, content_type, channels, ordering_key, headers, subject, fingerprint,
    payload, r2_key, size_bytes FROM unmatched_messages INDEXED BY unmatched_messages_parked
  WHERE tenant_id = ?1 AND parked_by = ?2 AND (accepted_at, id) > (?3, ?4)
    AND NOT EXISTS (SELECT 1 FROM sources WHERE tenant_id = ?1 AND id = ?2 AND paused_at IS NOT NULL)
  ORDER BY accepted_at, id LIMIT ?5`

// The plus keeps SQLite from walking through all that the source has parked. What was erased meanwhile is parked no more.
const IS_GONE = `(tenant_id, accepted_at, id) IN (SELECT ?1, value ->> 0, value ->> 1 FROM json_each(?3)) AND +parked_by = ?2`
const DELETE = `DELETE FROM unmatched_messages WHERE ${IS_GONE}`
const KEEP = `UPDATE unmatched_messages SET parked_by = NULL WHERE ${IS_GONE}`

// Retention of their types (retention/expire-content.ts) has passed them by while they were parked.
const LOOK_AGAIN = `UPDATE event_types SET expired_until = ?2 WHERE tenant_id = ?1 AND retention_days IS NOT NULL
  AND expired_until > ?2 AND name IN (SELECT value FROM json_each(?3))`
