import type { StoredBody } from '../../durable-objects/endpoint/rpc.ts'
import type { Bindings } from '../env.ts'
import { deliveredBody, type Message } from './message.ts'

/** Up to this a payload lives in the Endpoint's row; larger ones are written once to R2 and referenced. */
export const INLINE_BYTES_MAX = 96 * 1024

/** A queue message holds 128 KB; base64 makes 4 bytes of 3, and the rest of the message needs room too. */
export const QUEUED_BYTES_MAX = 72 * 1024

/**
 * Where the body of this message will be read from. One in R2 is there when this returns, before
 * anyone claims custody of a delivery that needs it.
 * @throws what R2 throws
 */
export async function storeBody(
  payloads: Bindings['PAYLOADS'],
  message: Message,
  inline_bytes_max: number,
): Promise<StoredBody> {
  const body = deliveredBody(message)
  if (body.byteLength <= inline_bytes_max) return { inline: body }
  const r2_key = payloadKey(message)
  await payloads.put(r2_key, body)
  return { r2_key, size_bytes: body.byteLength }
}

/** Part of the key is what was sent and when, so that racing publishes of one id never overwrite each other's bytes. */
function payloadKey({ tenant_id, id, accepted_at, fingerprint }: Message): string {
  return `${tenant_id}/${id}/${accepted_at}-${fingerprint.slice(0, 32)}`
}
