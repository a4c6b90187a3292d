import type { DeliveryView, StoredBody, StoredMessage } from '../../durable-objects/endpoint/rpc.ts'
import type { Deps } from '../deps.ts'
import { callEndpoint } from '../endpoints/stub.ts'
import type { Bindings } from '../env.ts'
import type { TenantAccess } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { findHolders } from './holders.ts'
import { findUnmatched } from './unmatched.ts'

export interface MessageView {
  id: string
  type: string
  accepted_at: number
  channels: string[]
  ordering_key: string | null
  content_type: string
  size_bytes: number
  payload: string | null
}

const MISSING = err(problem('not_found', 'there is no such message'))

/** Whoever holds the message: an Endpoint, or the table of those that nobody subscribed to. */
export async function findMessage(deps: Deps, access: TenantAccess, message_id: string): Promise<StoredMessage | null> {
  const tenant_id = access.tenant.id
  const holders = await findHolders(deps, access, message_id)
  const found = await Promise.all(
    holders.map((endpoint_id) => callEndpoint(deps.env, endpoint_id, (stub) => stub.message(message_id))),
  )
  return found.find((message) => message !== null) ?? (await findUnmatched(deps.env.DB, tenant_id, message_id))
}

export async function getMessage(
  deps: Deps,
  access: TenantAccess,
  message_id: string,
): Promise<Result<MessageView, Problem>> {
  const message = await findMessage(deps, access, message_id)
  if (message === null) return MISSING
  const { event_type, accepted_at, channels, ordering_key, content_type, body } = message
  const bytes = await loadBody(deps.env, body)
  return ok({
    id: message_id,
    type: event_type,
    accepted_at,
    channels,
    ordering_key,
    content_type,
    size_bytes: 'inline' in body ? body.inline.byteLength : body.size_bytes,
    payload: bytes === null ? null : decodeText(bytes),
  })
}

/** Exact: asked of the Endpoints themselves. */
export async function deliveriesOfMessage(
  deps: Deps,
  access: TenantAccess,
  message_id: string,
): Promise<Result<DeliveryView[], Problem>> {
  const holders = await findHolders(deps, access, message_id)
  const found = await Promise.all(
    holders.map((endpoint_id) => callEndpoint(deps.env, endpoint_id, (stub) => stub.get(message_id))),
  )
  const deliveries = found.flatMap((answer) => (answer === null ? [] : [answer.delivery]))
  if (deliveries.length > 0) return ok(deliveries)
  const unmatched = await findUnmatched(deps.env.DB, access.tenant.id, message_id)
  return unmatched === null ? MISSING : ok([])
}

async function loadBody(env: Bindings, body: StoredBody): Promise<Uint8Array | null> {
  if ('inline' in body) return body.inline
  const object = await env.PAYLOADS.get(body.r2_key)
  return object === null ? null : new Uint8Array(await object.arrayBuffer())
}

function decodeText(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}
