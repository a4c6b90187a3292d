/** The way of messages and deliveries into an answer. */
import {
  type AttemptRecord,
  type DeliveryDetail,
  type StoredMessage,
  wordOfReason,
} from '../../durable-objects/endpoint/rpc.ts'
import type { Deps } from '../deps.ts'
import type { Pointer } from '../lib/json-pointer.ts'
import { readText } from '../messages/body.ts'
import { report } from '../report.ts'
import { loadPointers } from './pointers.ts'
import { redactContent, redactText, redactValues } from './redact.ts'
import { type Shown, shown } from './shown.ts'
import type { Traces } from './traces.ts'

export interface ShownPayload {
  payload: string | null
  /** Why there is none to show. */
  payload_omitted: 'not_text' | 'too_large' | 'missing' | 'expired' | 'erased' | null
  /** It is not what receivers get. */
  payload_redacted: boolean
}

const EVERYTHING: readonly Pointer[] = [[]]

type About = Pick<StoredMessage, 'event_type' | 'format' | 'content_type'>

/** The body that receivers get, without what its type or its tenant has redacted unless the caller is to see that. */
export async function showPayload(
  deps: Deps,
  tenant_id: string,
  about: About,
  body: Awaited<ReturnType<typeof readText>>,
  is_revealed: boolean,
): Promise<Shown<ShownPayload>> {
  if ('omitted' in body) return shown({ payload: null, payload_omitted: body.omitted, payload_redacted: false })
  const pointers = is_revealed ? [] : await pointersOf(deps, tenant_id, about.event_type)
  const { text } = redactContent({ ...about, text: body.text }, pointers)
  return shown({ payload: text, payload_omitted: null, payload_redacted: text !== body.text })
}

/**
 * A delivery with its reason and its attempts. What a receiver answered is shown unless it has a trace of
 * what is redacted in the message.
 * @param loadMessage asked only where something is redacted
 */
export async function showDelivery(
  deps: Deps,
  tenant_id: string,
  detail: DeliveryDetail,
  loadMessage: () => Promise<StoredMessage | null>,
  is_revealed: boolean,
): Promise<Shown<DeliveryDetail>> {
  const { delivery, attempts } = detail
  const pointers = is_revealed ? [] : await pointersOf(deps, tenant_id, delivery.event_type)
  if (pointers.length === 0) return shown(detail)
  const traces = await tracesOfMessage(deps, await loadMessage(), pointers)
  const reason = redactReason(delivery.reason, traces)
  const redacted = attempts.map((attempt) => redactAttempt(attempt, traces))
  return shown({ ...detail, delivery: { ...delivery, reason }, attempts: redacted })
}

/** Null when it cannot be told what to look for. */
async function tracesOfMessage(
  deps: Deps,
  message: StoredMessage | null,
  pointers: readonly Pointer[],
): Promise<Traces | null> {
  if (message === null) return null
  try {
    const read = await readText(deps.env.PAYLOADS, message)
    return 'text' in read ? redactContent({ ...message, text: read.text }, pointers).traces : null
  } catch (error) {
    report(deps, 'payload.unread', error, { message_id: message.message_id })
    return null
  }
}

function redactAttempt(attempt: AttemptRecord, traces: Traces | null): AttemptRecord {
  return {
    ...attempt,
    detail: attempt.detail === null ? null : redactText(attempt.detail, traces),
    request_headers: redactValues(attempt.request_headers, traces),
    response_headers: redactValues(attempt.response_headers, traces),
    response_body: redactText(attempt.response_body, traces),
  }
}

/** Its first word is Postern's own; what comes after it may quote the message. */
function redactReason(reason: string | null, traces: Traces | null): string | null {
  const word = wordOfReason(reason)
  if (reason === null || word === null || word === reason) return reason
  return `${word}: ${redactText(reason.slice(word.length + 2), traces)}`
}

/** While D1 does not say what is redacted, everything is: states and times are worth an answer without any content. */
async function pointersOf(deps: Deps, tenant_id: string, event_type: string): Promise<readonly Pointer[]> {
  const kind = { tenant_id, event_type }
  try {
    return (await loadPointers(deps, [kind]))(kind)
  } catch (error) {
    report(deps, 'redaction.unread', error, { tenant_id })
    return EVERYTHING
  }
}
