import type { DeliveryView, StoredMessage } from '../../durable-objects/endpoint/rpc.ts'
import type { Deps } from '../deps.ts'
import { findInLanes } from '../endpoints/call-lanes.ts'
import type { TenantConfiguration } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { keptTrace } from '../lib/trace-context.ts'
import { type ShownPayload, showPayload } from '../redaction/show.ts'
import type { Shown } from '../redaction/shown.ts'
import { report } from '../report.ts'
import { readText } from './body.ts'
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
  erased_at: number | null
  /** Null when it was accepted before there were traces, or has no content any more. */
  trace_id: string | null
  content: Shown<ShownPayload>
}

const RETRY_SOON = { 'retry-after': '5' }
const MISSING = err(problem('not_found', 'there is no such message'))

/** Whoever holds the message: an Endpoint, or the table of those that nobody subscribed to. */
export async function findMessage(
  deps: Deps,
  access: TenantConfiguration,
  message_id: string,
): Promise<StoredMessage | null> {
  const tenant_id = access.tenant.id
  const holders = await findHolders(deps, access, message_id)
  const found = await Promise.all(
    holders.map((holder) => findInLanes<StoredMessage>(deps.env, holder, (stub) => stub.message(message_id))),
  )
  // Each Endpoint keeps the content by when its own delivery ended.
  const kept = found.find((message) => message !== null && message.body !== null)
  return kept ?? found.find((message) => message !== null) ?? (await findUnmatched(deps.env.DB, tenant_id, message_id))
}

/**
 * A message with the body that receivers get.
 * @param is_revealed else without what its type or its tenant has redacted
 */
export async function getMessage(
  deps: Deps,
  access: TenantConfiguration,
  message_id: string,
  is_revealed: boolean,
): Promise<Result<MessageView, Problem>> {
  const tenant_id = access.tenant.id
  const message = await findMessage(deps, access, message_id)
  if (message === null) return MISSING
  const { event_type, accepted_at, channels, ordering_key, content_type, size_bytes, erased_at } = message
  const read = await readText(deps.env.PAYLOADS, message).catch((error) => {
    report(deps, 'payload.unread', error, { tenant_id, message_id })
    return null
  })
  if (read === null) return err(problem('unavailable', 'the payload storage does not answer', { headers: RETRY_SOON }))
  if ('omitted' in read && read.omitted === 'missing') {
    const lost = new Error('a payload that somebody holds is not in R2')
    report(deps, 'payload.missing', lost, { tenant_id, message_id })
  }
  const content = await showPayload(deps, tenant_id, message, read, is_revealed)
  return ok({
    id: message_id,
    type: event_type,
    accepted_at,
    channels,
    ordering_key,
    content_type,
    size_bytes,
    erased_at,
    trace_id: keptTrace(message.headers)?.trace_id ?? null,
    content,
  })
}

/** Exact: asked of the Endpoints themselves. */
export async function deliveriesOfMessage(
  deps: Deps,
  access: TenantConfiguration,
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
