import { and, eq, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/d1'
import type { StoredBody, StoredMessage } from '../../durable-objects/endpoint/rpc.ts'
import type { Bindings } from '../env.ts'
import { isKeyedId, timeOfId } from '../lib/ids.ts'
import { INLINE_BYTES_MAX, putPayload } from './body.ts'
import { deliveredBody, type Message } from './message.ts'
import type { Placed } from './place.ts'
import { unmatchedMessages } from './table.ts'

/**
 * Keeps a message that nobody subscribed to, or that waits until its source is no longer paused, so that it is listed and can be replayed later. No
 * Endpoint is there to decide about duplicates, so the table does: one statement inserts, or finds
 * what the id already stands for.
 * @param parked_by the source that is paused
 * @throws what D1 or R2 throws: without them this message is in nobody's custody
 */
export async function keepUnmatched(env: Bindings, message: Message, parked_by: string | null = null): Promise<Placed> {
  const known = message.is_keyed ? await find(env.DB, message) : null
  if (known === null) {
    const bytes = deliveredBody(message)
    const body =
      bytes.byteLength <= INLINE_BYTES_MAX ? { inline: bytes } : await putPayload(env.PAYLOADS, message, bytes, false)
    const inserted = await env.DB.prepare(INSERT)
      .bind(
        message.tenant_id,
        message.accepted_at,
        message.id,
        message.event_type,
        message.content_type,
        message.format,
        JSON.stringify(message.channels),
        message.ordering_key,
        JSON.stringify(message.headers),
        parked_by,
        message.subject,
        message.fingerprint,
        'inline' in body ? body.inline : null,
        'r2_key' in body ? body.r2_key : null,
        'r2_key' in body ? body.size_bytes : body.inline.byteLength,
      )
      .run()
    if (inserted.meta.changes > 0) return accepted(message.accepted_at, false)
  }
  const winner = known ?? (await find(env.DB, message))
  // Of what was erased nobody can tell any more whether it was the same.
  const is_same = winner !== null && (winner.erased_at !== null || winner.fingerprint === message.fingerprint)
  if (!is_same) return { kind: 'conflict' }
  return accepted(winner.accepted_at, true)
}

function accepted(accepted_at: number, is_duplicate: boolean): Placed {
  return { kind: 'accepted', accepted_at, is_duplicate, deliveries: [], full: [] }
}

interface Known {
  accepted_at: number
  erased_at: number | null
  fingerprint: string
}

function find(db: D1Database, { tenant_id, id, accepted_at }: Message): Promise<Known | null> {
  const query = isKeyedId(id)
    ? // The bound tells SQLite that the partial index applies.
      db.prepare(`${SELECT} AND id = ? AND id >= 'msg_Z'`).bind(tenant_id, id)
    : db.prepare(`${SELECT} AND accepted_at = ? AND id = ?`).bind(tenant_id, accepted_at, id)
  return query.first<Known>()
}

const SELECT = 'SELECT accepted_at, erased_at, fingerprint FROM unmatched_messages WHERE tenant_id = ?'

const INSERT = `INSERT OR IGNORE INTO unmatched_messages (tenant_id, accepted_at, id, event_type, content_type, format, channels,
    ordering_key, headers, parked_by, subject, fingerprint, payload, r2_key, size_bytes)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15
  WHERE NOT EXISTS (SELECT 1 FROM unmatched_messages WHERE tenant_id = ?1 AND id = ?3 AND id >= 'msg_Z')`

/** A message that nobody subscribed to, as an Endpoint would hold it. */
export async function findUnmatched(
  db: D1Database,
  tenant_id: string,
  message_id: string,
): Promise<StoredMessage | null> {
  const isKeyed = isKeyedId(message_id)
  const row = await drizzle(db)
    .select()
    .from(unmatchedMessages)
    .where(
      and(
        eq(unmatchedMessages.tenant_id, tenant_id),
        isKeyed ? sql`id >= 'msg_Z'` : eq(unmatchedMessages.accepted_at, timeOfId(message_id) ?? 0),
        eq(unmatchedMessages.id, message_id),
      ),
    )
    .get()
  if (row === undefined) return null
  const { id, event_type, content_type, format, headers, channels, ordering_key, subject, erased_at } = row
  const { accepted_at, fingerprint, size_bytes } = row
  return {
    message_id: id,
    event_type,
    content_type,
    format,
    headers,
    channels,
    ordering_key,
    subject,
    erased_at,
    accepted_at,
    fingerprint,
    body: row.expired_at === null && erased_at === null ? bodyOf(row) : null,
    size_bytes,
  }
}

function bodyOf({ r2_key, size_bytes, payload }: typeof unmatchedMessages.$inferSelect): StoredBody {
  return r2_key === null ? { inline: new Uint8Array(payload ?? []) } : { r2_key, size_bytes }
}
