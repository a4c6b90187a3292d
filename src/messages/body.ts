import type { StoredBody } from '../../durable-objects/endpoint/rpc.ts'
import type { Bindings } from '../env.ts'
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

/**
 * Writes a large body to R2. It is there when this returns, before anyone claims custody of a delivery
 * that needs it.
 * @throws what R2 throws
 */
export async function putPayload(
  payloads: Bindings['PAYLOADS'],
  { tenant_id, id, accepted_at, fingerprint }: Message,
  bytes: Uint8Array,
): Promise<StoredBody> {
  // Part of the key is what was sent and when, so that racing publishes of one id never overwrite each other's bytes.
  const r2_key = `${tenant_id}/${id}/${accepted_at}-${fingerprint.slice(0, 32)}`
  await payloads.put(r2_key, bytes)
  return { r2_key, size_bytes: bytes.byteLength }
}
