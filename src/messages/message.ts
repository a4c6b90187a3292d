import type { EnqueueItem, StoredBody } from '../../durable-objects/endpoint/rpc.ts'
import { concat } from '../lib/bytes.ts'
import { sha256, sha256Hex } from '../lib/hash.ts'
import { createId, createKeyedId, idPattern, type RandomBytes, timeOfId } from '../lib/ids.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { type Trace, traceHeaders, withoutTrace } from '../lib/trace-context.ts'
import { encodeUtf8 } from '../lib/utf8.ts'
import { hashSubject } from '../subjects/subject.ts'

/** A message as its publisher gave it, before it has an id. */
export interface Draft {
  event_type: string
  content:
    | { format: 'event'; data: unknown; schema_version?: number | undefined }
    | { format: 'raw'; content_type: string; bytes: Uint8Array }
  /** To forward as they are. */
  headers: Record<string, string>
  channels: string[]
  ordering_key: string | null
  /** Whom it is about, as the publisher names them. */
  subject: string | null
  idempotency_key: string | null
  /** Of an event that came through a source: which one its provider says it is. */
  event: SourceEvent | null
}

/** What a provider's retry has in common with the first sending, and nothing else. */
interface SourceEvent {
  source_id: string
  /** Of any length and in any characters. */
  event_id: string
}

/** A message that is about to be placed: immutable but for `accepted_at`, which an earlier acceptance may decide. */
export interface Message {
  id: string
  tenant_id: string
  accepted_at: number
  /** Its id was chosen by an idempotency key or an event's own id, so that it may have been accepted before. */
  is_keyed: boolean
  event_type: string
  format: 'event' | 'raw'
  content_type: string
  headers: Record<string, string>
  channels: string[]
  ordering_key: string | null
  /** Only a hash: the subject itself goes no further than this. */
  subject: string | null
  fingerprint: string
  /** JSON text of `data` as UTF-8, or the raw body. */
  bytes: Uint8Array
}

/**
 * A draft that goes on in the trace of the request that brings it. Among its headers, which every queue and row has a place
 * for, and which make neither its id nor its fingerprint: who sends it again in another trace sends the same.
 */
export function traced<D extends Pick<Draft, 'headers'>>(draft: D, trace: Trace | null): D {
  if (trace === null) return draft
  return { ...draft, headers: { ...withoutTrace(draft.headers), ...traceHeaders(trace) } }
}

/** How far a message id given as an idempotency key may lie in the future. */
const CLOCK_SKEW_MS_MAX = 60_000

/**
 * Gives a draft its identity. The same tenant, key and content always give the same id and fingerprint.
 * The error is a sentence about an idempotency key that cannot be used.
 */
export async function identify(
  tenant_id: string,
  draft: Draft,
  now: number,
  random: RandomBytes,
): Promise<Result<Message, string>> {
  const identity = await chooseId(tenant_id, draft, now, random)
  if (!identity.ok) return identity
  const { content, event_type, headers, channels, ordering_key, event } = draft
  const bytes = content.format === 'event' ? encodeUtf8(JSON.stringify(content.data)) : content.bytes
  const content_type = content.format === 'event' ? 'application/json' : content.content_type
  const subject = draft.subject === null ? null : await hashSubject(tenant_id, draft.subject)
  // A message about somebody else is another one: if its repetition were a duplicate, who was named second could not be found.
  const about = subject === null ? [] : [subject]
  const envelope = JSON.stringify([event_type, content.format, content_type, channels, ordering_key, ...about])
  // A provider may write the same event another way when it sends it again: its id alone says whether it is the same.
  const distinct =
    event === null ? concat([encodeUtf8(`${envelope}\n`), bytes]) : `${event.source_id}\n${event.event_id}`
  const fingerprint = await sha256Hex(distinct)
  return ok({
    ...identity.value,
    tenant_id,
    event_type,
    format: content.format,
    content_type,
    headers,
    channels,
    ordering_key,
    subject,
    fingerprint,
    bytes,
  })
}

type Identity = Pick<Message, 'id' | 'accepted_at' | 'is_keyed'>

/**
 * A key, or an event's own id, makes the id a pure function of it, so that two racing publishes agree without a
 * lock. A message id given as the key stands for itself: that is how a caller repeats a publish that
 * was answered 503.
 */
async function chooseId(
  tenant_id: string,
  { idempotency_key: key, event }: Pick<Draft, 'idempotency_key' | 'event'>,
  now: number,
  random: RandomBytes,
): Promise<Result<Identity, string>> {
  if (event !== null) {
    // A key has no line breaks, so no publisher can name what a provider has sent.
    const id = createKeyedId('msg', await sha256(`${tenant_id}\n${event.source_id}\n${event.event_id}`))
    return ok({ id, accepted_at: now, is_keyed: true })
  }
  if (key === null) return ok({ id: createId('msg', now, random), accepted_at: now, is_keyed: false })
  if (!IDEMPOTENCY_KEY.test(key)) return err('it must be 1 to 255 visible ASCII characters')
  if (!MESSAGE_ID.test(key)) {
    const id = createKeyedId('msg', await sha256(`${tenant_id}\n${key}`))
    return ok({ id, accepted_at: now, is_keyed: true })
  }
  const accepted_at = timeOfId(key) ?? now
  if (accepted_at > now + CLOCK_SKEW_MS_MAX) return err('it is a message id that lies in the future')
  return ok({ id: key, accepted_at, is_keyed: true })
}

/** As the header's draft has it ("The Idempotency-Key HTTP Header Field"), and no longer than the design allows. */
export const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/
const MESSAGE_ID = new RegExp(idPattern('msg'))

/**
 * The bytes that receivers get: `{"type","timestamp","data"}` as Standard Webhooks recommends
 * ("Payload structure"), or a raw body as it came.
 */
export function deliveredBody({ format, bytes, event_type, accepted_at }: Message): Uint8Array {
  if (format === 'raw') return bytes
  const timestamp = new Date(accepted_at).toISOString()
  // Put together, because `data` is already JSON and must stay as it is to the last digit.
  const head = encodeUtf8(`{"type":${JSON.stringify(event_type)},"timestamp":"${timestamp}","data":`)
  return concat([head, bytes, encodeUtf8('}')])
}

export function toEnqueueItem(message: Message, body: StoredBody, note: string | null): EnqueueItem {
  const { id, event_type, content_type, format, headers, channels, ordering_key, subject, accepted_at } = message
  return {
    message_id: id,
    event_type,
    content_type,
    format,
    headers,
    channels,
    ordering_key,
    subject,
    accepted_at,
    fingerprint: message.fingerprint,
    body,
    note,
  }
}
