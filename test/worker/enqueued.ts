/** Deliveries put straight into an Endpoint: more, or older, than anybody wants to publish one by one. */
import type { EnqueueItem } from '../../durable-objects/endpoint/rpc.ts'
import { createId } from '../../src/lib/ids.ts'
import { type Json, stubOf, type TenantHandle } from './harness.ts'

/** As many as share a millisecond, which is well below what a millisecond has room for. */
const ITEMS_PER_CALL = 500

/** A small message as an Endpoint gets it. */
export function itemOf(accepted_at: number): EnqueueItem {
  return {
    message_id: createId('msg', accepted_at, (length) => crypto.getRandomValues(new Uint8Array(length))),
    event_type: 'invoice.paid',
    content_type: 'text/plain',
    format: 'raw',
    headers: {},
    channels: [],
    ordering_key: null,
    subject: null,
    accepted_at,
    fingerprint: 'same',
    body: { inline: new TextEncoder().encode('hello') },
    note: null,
  }
}

/** Gives an Endpoint that knows its settings so many deliveries, the first of them accepted then. */
export async function enqueueMany(
  tenant: TenantHandle,
  { id }: Json,
  count: number,
  accepted_at: number,
): Promise<void> {
  for (let from = 0; from < count; from += ITEMS_PER_CALL) {
    const moment = accepted_at + (from / ITEMS_PER_CALL) * 10
    const items = Array.from({ length: Math.min(ITEMS_PER_CALL, count - from) }, () => itemOf(moment))
    await stubOf(id).enqueue({
      tenant_id: tenant.id,
      endpoint_id: id,
      settings_version: 0,
      epoch: 0,
      as: 'home',
      items,
    })
  }
}
