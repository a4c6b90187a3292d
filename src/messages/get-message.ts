import type { DeliveryView, StoredMessage } from '../../durable-objects/endpoint/rpc.ts'
import type { Deps } from '../deps.ts'
import { findInLanes } from '../endpoints/call-lanes.ts'
import type { Bindings } from '../env.ts'
import type { TenantAccess } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { log } from '../lib/log.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { getPayload } from './body.ts'
import { findHolders } from './holders.ts'
import { findUnmatched } from './unmatched.ts'

export interface MessageView extends ShownPayload {
  id: string
  type: string
  accepted_at: number
  channels: string[]
  ordering_key: string | null
  content_type: string
  size_bytes: number
  erased_at: number | null
}

interface ShownPayload {
  payload: string | null
  /** Why there is none to show. */
  payload_omitted: 'not_text' | 'missing' | 'erased' | null
}

const RETRY_SOON = { 'retry-after': '5' }
const MISSING = err(problem('not_found', 'there is no such message'))

/** Whoever holds the message: an Endpoint, or the table of those that nobody subscribed to. */
export async function findMessage(deps: Deps, access: TenantAccess, message_id: string): Promise<StoredMessage | null> {
  const tenant_id = access.tenant.id
  const holders = await findHolders(deps, access, message_id)
  const found = await Promise.all(
    holders.map((holder) => findInLanes<StoredMessage>(deps.env, holder, (stub) => stub.message(message_id))),
  )
  return found.find((message) => message !== null) ?? (await findUnmatched(deps.env.DB, tenant_id, message_id))
}

/** A message with the body that receivers get. */
export async function getMessage(
  deps: Deps,
  access: TenantAccess,
  message_id: string,
): Promise<Result<MessageView, Problem>> {
  const message = await findMessage(deps, access, message_id)
  if (message === null) return MISSING
  const { event_type, accepted_at, channels, ordering_key, content_type, body, erased_at } = message
  const shown = await showBody(deps.env, message).catch((error) => {
    log('warn', 'payload.unread', { tenant_id: access.tenant.id, message_id, error })
    return null
  })
  if (shown === null) return err(problem('unavailable', 'the payload storage does not answer', { headers: RETRY_SOON }))
  if (shown.payload_omitted === 'missing') log('error', 'payload.missing', { tenant_id: access.tenant.id, message_id })
  return ok({
    id: message_id,
    type: event_type,
    accepted_at,
    channels,
    ordering_key,
    content_type,
    size_bytes: 'inline' in body ? body.inline.byteLength : body.size_bytes,
    erased_at,
    ...shown,
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
    holders.map((holder) => findInLanes<{ delivery: DeliveryView }>(deps.env, holder, (stub) => stub.get(message_id))),
  )
  const deliveries = found.flatMap((answer) => (answer === null ? [] : [answer.delivery]))
  if (deliveries.length > 0) return ok(deliveries)
  const unmatched = await findUnmatched(deps.env.DB, access.tenant.id, message_id)
  return unmatched === null ? MISSING : ok([])
}

async function showBody(env: Bindings, { body, erased_at }: StoredMessage): Promise<ShownPayload> {
  if (erased_at !== null) return { payload: null, payload_omitted: 'erased' }
  const bytes = 'inline' in body ? body.inline : await getPayload(env.PAYLOADS, body.r2_key)
  if (bytes === null) return { payload: null, payload_omitted: 'missing' }
  try {
    const payload = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return { payload, payload_omitted: null }
  } catch {
    return { payload: null, payload_omitted: 'not_text' }
  }
}
