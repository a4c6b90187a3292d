import { formatDeliveryId } from '../deliveries/delivery-id.ts'
import { sha256 } from '../lib/hash.ts'
import { createKeyedId } from '../lib/ids.ts'
import { log } from '../lib/log.ts'
import type { DeadLetterMessage } from '../queues/messages.ts'

/**
 * Records deliveries that used up their retries. A notice that comes twice makes one row, and a
 * delivery that dies again after a redrive shows its last death. Of a tenant that was deleted meanwhile nothing is kept.
 * @throws what D1 throws
 */
export async function recordExhausted(db: D1Database, notices: readonly DeadLetterMessage[]): Promise<void> {
  const rows = notices.map((notice) => [
    notice.tenant_id,
    formatDeliveryId(notice),
    notice.endpoint_id,
    notice.message_id,
    notice.event_type,
    notice.accepted_at,
    notice.died_at,
    notice.attempts,
    notice.last_status,
    notice.last_error,
  ])
  await db.prepare(UPSERT_EXHAUSTED).bind(JSON.stringify(rows)).run()
}

/** A queue message that Postern could not process. */
export interface Unprocessable {
  queue: string
  body: unknown
  error: string
  /** The queue's id of the message. */
  id: string
  /** Unix milliseconds. */
  now: number
}

/**
 * Records queue messages that Postern could not process. The row's id follows from the queue's, so
 * that a message delivered twice makes one row. One whose data subject was erased meanwhile is let go: nobody would
 * erase it any more.
 * @throws what D1 throws
 */
export async function recordInternal(db: D1Database, messages: readonly Unprocessable[]): Promise<void> {
  const rows = await Promise.all(
    messages.map(async ({ queue, body, error, id, now }) => [
      tenantOf(body),
      createKeyedId('dl', await sha256(`${queue}\n${id}`)),
      now,
      queue,
      JSON.stringify(body ?? null),
      error,
    ]),
  )
  await db.prepare(INSERT_INTERNAL).bind(JSON.stringify(rows)).run()
  log('error', 'dead_letters.internal', { count: messages.length })
}

function tenantOf(body: unknown): string {
  if (typeof body !== 'object' || body === null || !('tenant_id' in body)) return ''
  return typeof body.tenant_id === 'string' ? body.tenant_id : ''
}

// One bound parameter however many rows: D1 accepts at most 100.
const UPSERT_EXHAUSTED = `INSERT INTO dead_letters (cause, tenant_id, id, endpoint_id, message_id, event_type, accepted_at, died_at,
    attempts, last_status, last_error)
  SELECT 'exhausted', ${Array.from({ length: 10 }, (_, i) => `value ->> ${i}`).join(', ')} FROM json_each(?1)
  WHERE EXISTS (SELECT 1 FROM tenants WHERE tenants.id = value ->> 0)
  ON CONFLICT (tenant_id, id) DO UPDATE SET died_at = excluded.died_at, attempts = excluded.attempts,
    last_status = excluded.last_status, last_error = excluded.last_error
  WHERE excluded.died_at > dead_letters.died_at`

const INSERT_INTERNAL = `INSERT INTO dead_letters (cause, tenant_id, id, died_at, queue, body, error)
  SELECT 'internal', ${Array.from({ length: 6 }, (_, i) => `value ->> ${i}`).join(', ')} FROM json_each(?1) WHERE NOT EXISTS (
    SELECT 1 FROM erasures INDEXED BY erasures_subject WHERE erasures.tenant_id = value ->> 0 AND subject = value ->> 4 ->> '$.item.subject'
      AND requested_at >= value ->> 4 ->> '$.item.accepted_at')
  ON CONFLICT (tenant_id, id) DO NOTHING`
