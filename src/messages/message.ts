import type { EnqueueItem, StoredBody } from '../../durable-objects/endpoint/rpc.ts'
import { sha256, sha256Hex } from '../lib/hash.ts'
import { createId, createKeyedId, idPattern, type RandomBytes, timeOfId } from '../lib/ids.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { encodeUtf8 } from '../lib/utf8.ts'
import { hashSubject } from '../subjects/subject.ts'

/** A message as its publisher gave it, before it has an id. */
export interface Draft {
  event_type: string
  content:
    | { format: 'event'; data: unknown; schema_version?: number | undefined }
    | { format: 'raw'; content_type: string; text: string }
  channels: string[]
  ordering_key: string | null
  /** Whom it is about, as the publisher names them. */
  subject: string | null
  idempotency_key: string | null
}

/** A message that is about to be placed: immutable but for `accepted_at`, which an earlier acceptance may decide. */
export interface Message {
  id: string
  tenant_id: string
  accepted_at: number
  /** Its id was chosen by an idempotency key, so that it may have been accepted before. */
  is_keyed: boolean
  event_type: string
  format: 'event' | 'raw'
  content_type: string
  channels: string[]
  ordering_key: string | null
  /** Only a hash: the subject itself goes no further than this. */
  subject: string | null
  fingerprint: string
  /** JSON text of `data`, or the raw string. */
  text: string
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
  const identity = await chooseId(tenant_id, draft.idempotency_key, now, random)
  if (!identity.ok) return identity
  const { content, event_type, channels, ordering_key } = draft
  const text = content.format === 'event' ? JSON.stringify(content.data) : content.text
  const content_type = content.format === 'event' ? 'application/json' : content.content_type
  const subject = draft.subject === null ? null : await hashSubject(tenant_id, draft.subject)
  // A message about somebody else is another one: if its repetition were a duplicate, who was named second could not be found.
  const about = subject === null ? [] : [subject]
  const envelope = JSON.stringify([event_type, content.format, content_type, channels, ordering_key, ...about])
  const fingerprint = await sha256Hex(`${envelope}\n${text}`)
  return ok({
    ...identity.value,
    tenant_id,
    event_type,
    format: content.format,
    content_type,
    channels,
    ordering_key,
    subject,
    fingerprint,
    text,
  })
}

type Identity = Pick<Message, 'id' | 'accepted_at' | 'is_keyed'>

/**
 * A key makes the id a pure function of tenant and key, so that two racing publishes agree without a
 * lock. A message id given as the key stands for itself: that is how a caller repeats a publish that
 * was answered 503.
 */
async function chooseId(
  tenant_id: string,
  key: string | null,
  now: number,
  random: RandomBytes,
): Promise<Result<Identity, string>> {
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
export function deliveredBody({ format, text, event_type, accepted_at }: Message): Uint8Array {
  if (format === 'raw') return encodeUtf8(text)
  const timestamp = new Date(accepted_at).toISOString()
  // Put together as text, because `data` is already JSON and must stay as it is to the last digit.
  return encodeUtf8(`{"type":${JSON.stringify(event_type)},"timestamp":"${timestamp}","data":${text}}`)
}

export function toEnqueueItem(message: Message, body: StoredBody, note: string | null): EnqueueItem {
  const { id, event_type, content_type, format, channels, ordering_key, subject, accepted_at, fingerprint } = message
  return {
    message_id: id,
    event_type,
    content_type,
    format,
    headers: {},
    channels,
    ordering_key,
    subject,
    accepted_at,
    fingerprint,
    body,
    note,
  }
}
