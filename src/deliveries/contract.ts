import { z } from '@hono/zod-openapi'
import {
  type AttemptRecord,
  DELIVERY_STATES,
  type DeliveryDetail,
  type DeliveryView,
  wordOfReason,
} from '../../durable-objects/endpoint/rpc.ts'
import { time, toTime, toTimeOrNull } from '../http/time.ts'
import type { Shown } from '../redaction/shown.ts'
import { formatDeliveryId } from './delivery-id.ts'

const deliveryState = z.enum(DELIVERY_STATES).openapi('DeliveryState', {
  description:
    '`pending`: not attempted yet; `delivering`: an attempt is under way; `waiting`: a retry is scheduled; ' +
    '`parked`: held while the endpoint is disabled or its breaker is open; `succeeded`; `dead`: retries used up; `cancelled`.',
})

export const deliverySchema = z
  .object({
    id: z.string().openapi({ example: 'msg_01JD9Z6Q3V8M4T2K7N5B1C0XYE.ep_01JD9Z5M2R7W3H6F4A8G9D1QTS' }),
    message_id: z.string(),
    endpoint_id: z.string(),
    event_type: z.string().openapi({ example: 'invoice.paid' }),
    state: deliveryState,
    reason: z.string().nullable().openapi({ description: 'Why, where that is not evident', example: 'breaker_open' }),
    attempt_count: z.int(),
    last_status: z
      .int()
      .nullable()
      .openapi({ description: 'HTTP status of the last attempt, when there was an answer' }),
    last_error: z.string().nullable().openapi({ description: 'Why the last attempt failed', example: 'timeout' }),
    ordering_key: z.string().nullable(),
    accepted_at: time,
    next_attempt_at: time.nullable(),
    finished_at: time.nullable(),
    erased_at: time.nullable().openapi({ description: 'When its content was erased on behalf of its data subject' }),
    updated_at: time,
  })
  .openapi('Delivery')

export const attemptSchema = z
  .object({
    id: z.string(),
    number: z.int().openapi({ description: '1 for the first' }),
    started_at: time,
    duration_ms: z.int(),
    status: z.int().nullable().openapi({ description: 'HTTP status, when there was an answer' }),
    error: z.string().nullable().openapi({ description: 'Null on success', example: 'server_error' }),
    detail: z.string().nullable(),
    request_headers: z.record(z.string(), z.string()).openapi({ description: 'As sent; credentials are masked' }),
    response_headers: z.record(z.string(), z.string()),
    response_body: z.string().openapi({ description: 'Its first 4 KiB' }),
  })
  .openapi('Attempt')

export const deliveryDetail = deliverySchema
  .extend({
    reason: deliverySchema.shape.reason.openapi({ example: 'filter_failed: the right side is no number' }),
    attempt_log: z.array(attemptSchema),
    content_expired_at: time.nullable().openapi({
      description: 'When the retention of its type took its payload and its attempts',
    }),
  })
  .openapi('DeliveryDetail')

/** For whoever lists or changes deliveries: with nothing that could quote a message. */
export function toDeliveryJson(delivery: DeliveryView) {
  const { attempts, ...rest } = delivery
  return {
    id: formatDeliveryId(delivery),
    ...rest,
    reason: wordOfReason(delivery.reason),
    attempt_count: attempts,
    accepted_at: toTime(delivery.accepted_at),
    next_attempt_at: toTimeOrNull(delivery.next_attempt_at),
    finished_at: toTimeOrNull(delivery.finished_at),
    erased_at: toTimeOrNull(delivery.erased_at),
    updated_at: toTime(delivery.updated_at),
  }
}

export function toDetailJson({ delivery, attempts, expired_at }: Shown<DeliveryDetail>) {
  return {
    ...toDeliveryJson(delivery),
    reason: delivery.reason,
    attempt_log: attempts.map(toAttemptJson),
    content_expired_at: toTimeOrNull(expired_at),
  }
}

function toAttemptJson(attempt: AttemptRecord) {
  return { ...attempt, started_at: toTime(attempt.started_at) }
}
