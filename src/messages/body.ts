import type { StoredBody, StoredMessage } from '../../durable-objects/endpoint/rpc.ts'
import type { Bindings } from '../env.ts'
import { sha256Hex } from '../lib/hash.ts'
import type { Message } from './message.ts'

/** Up to this a payload lives in the Endpoint's row; larger ones are written once to R2 and referenced. */
export const INLINE_BYTES_MAX = 96 * 1024

/** A queue message holds 128 KB; base64 makes 4 bytes of 3, and the rest of the message needs room too. */
export const QUEUED_BYTES_MAX = 72 * 1024

/**
 * Reads a large body back; null when it is not there any more.
 * @throws what R2 throws
 */
export async function getPayload(payloads: Bindings['PAYLOADS'], r2_key: string): Promise<Uint8Array | null> {
  const object = await payloads.get(r2_key)
  return object === null ? null : new Uint8Array(await object.arrayBuffer())
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * A body as text, or why there is none.
 * @throws what R2 throws
 */
export async function readText(
  payloads: Bindings['PAYLOADS'],
  { body, erased_at }: Pick<StoredMessage, 'body' | 'erased_at'>,
): Promise<{ text: string } | { omitted: 'erased' | 'expired' | 'missing' | 'not_text' }> {
  if (body === null) return { omitted: erased_at === null ? 'expired' : 'erased' }
  const bytes = 'inline' in body ? body.inline : await getPayload(payloads, body.r2_key)
  if (bytes === null) return { omitted: 'missing' }
  try {
    return { text: utf8.decode(bytes) }
  } catch {
    return { omitted: 'not_text' }
  }
}

/** What the key of a payload says. */
export interface PayloadKey {
  tenant_id: string
  message_id: string
  accepted_at: number
}

const PAYLOAD_KEY = /^([a-z0-9-]+)\/(?:sub_[0-9a-f]{64}\/)?(msg_[0-9A-Z]{26})\/([0-9]+)-[0-9a-f]{32}$/

/** What the keys of all payloads of a data subject begin with. */
export function payloadsOfSubject(tenant_id: string, subject: string): string {
  return `${tenant_id}/sub_${subject}/`
}

/** What the keys of all of a tenant's payloads begin with. */
export function payloadsOfTenant(tenant_id: string): string[] {
  return [`${tenant_id}/msg_`, `${tenant_id}/sub_`]
}

/** Inverse of how {@link putPayload} names one; null for what is no payload. */
export function parsePayloadKey(key: string): PayloadKey | null {
  const [, tenant_id, message_id, accepted_at] = PAYLOAD_KEY.exec(key) ?? []
  if (tenant_id === undefined || message_id === undefined) return null
  return { tenant_id, message_id, accepted_at: Number(accepted_at) }
}

/** Marks a payload that a queue may still need when no Endpoint holds its message. */
const QUEUED = { queued: 'true' }

export function isQueued({ customMetadata }: R2Object): boolean {
  return customMetadata?.queued === QUEUED.queued
}

/**
 * Writes a large body once more as it is, so that it counts as young, before its message goes into a queue again.
 * @throws what R2 throws
 */
export async function renewPayload(payloads: Bindings['PAYLOADS'], r2_key: string): Promise<void> {
  const bytes = await getPayload(payloads, r2_key)
  if (bytes !== null) await payloads.put(r2_key, bytes, { customMetadata: QUEUED })
}

/**
 * Writes a large body to R2. It is there when this returns, before anyone claims custody of a delivery
 * that needs it.
 * @param is_queued whether a queue may hold a message that needs it
 * @throws what R2 throws
 */
export async function putPayload(
  payloads: Bindings['PAYLOADS'],
  { tenant_id, id, subject, accepted_at }: Message,
  bytes: Uint8Array,
  is_queued: boolean,
): Promise<StoredBody> {
  // Part of the key is what was sent and when, so that publishes of one id never overwrite each other's bytes. Not by the
  // fingerprint: that of an event is its id's alone, and a provider may write it another way when it sends it again.
  // Under its subject, so that the payloads of one are found without any index.
  const folder = subject === null ? `${tenant_id}/` : payloadsOfSubject(tenant_id, subject)
  const r2_key = `${folder}${id}/${accepted_at}-${(await sha256Hex(bytes)).slice(0, 32)}`
  await payloads.put(r2_key, bytes, is_queued ? { customMetadata: QUEUED } : {})
  return { r2_key, size_bytes: bytes.byteLength }
}
