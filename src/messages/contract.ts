import { z } from '@hono/zod-openapi'
import { DELIVERY_STATES } from '../../durable-objects/endpoint/rpc.ts'
import { formatDeliveryId } from '../deliveries/delivery-id.ts'
import { eventTypeName } from '../event-types/contract.ts'
import { line } from '../http/text.ts'
import { time, toTime } from '../http/time.ts'
import { encodeUtf8 } from '../lib/utf8.ts'
import { subject } from '../subjects/contract.ts'
import { channel, mediaType } from './fields.ts'
import { type Draft, IDEMPOTENCY_KEY } from './message.ts'
import type { Published } from './publish.ts'

const keyOfMessage = { example: 'order-1842-paid', description: '1 to 255 visible ASCII characters' }

/** Checked where it is used. */
export const idempotencyKey = z.string().openapi({ ...keyOfMessage, pattern: IDEMPOTENCY_KEY.source })

/** Without a pattern, since one bad key refuses its own message and not the batch. */
const keyInBatch = z.string().openapi(keyOfMessage)

/** Read by the middleware, which ignores what is malformed: a trace is no reason to refuse a message. */
export const traceFields = {
  traceparent: z.string().optional().openapi({
    example: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    description: 'W3C Trace Context: attempts go on in this trace. Ignored where it is malformed, and another begun',
  }),
  tracestate: z.string().optional().openapi({ example: 'congo=t61rcWkgMzE', description: 'Handed on with the trace' }),
}

const common = {
  type: eventTypeName,
  channels: z
    .array(channel)
    .max(20)
    .default([])
    .openapi({
      description: 'Only endpoints with one of these channels, or without any, get the message',
      example: ['eu'],
    }),
  ordering_key: line(255).min(1).optional().openapi({
    description: 'Endpoints with `ordering: key` get messages of one key strictly in order',
    example: 'cus_42',
  }),
  subject: subject.optional().openapi({
    description:
      'Whom it is about: what exports and erasures find it by. Kept as a hash, shown to nobody and sent to no receiver',
  }),
}

const event = z.strictObject({
  ...common,
  data: z.unknown().openapi({
    description: 'Any JSON value that fits the schema of its type; delivered as `{type, timestamp, data}`',
  }),
  schema_version: z
    .int()
    .min(1)
    .optional()
    .openapi({ description: 'The version of the schema that `data` has to fit (default: the newest)' }),
})

const raw = z.strictObject({
  ...common,
  raw: z.string().openapi({ description: 'The body to deliver, byte for byte' }),
  content_type: mediaType.openapi({ example: 'application/xml' }),
})

const isEither = (body: object) => 'data' in body !== 'raw' in body
const EITHER = 'give data, or raw with content_type'

export const publishBody = z.union([event.refine(isEither, EITHER), raw], EITHER).openapi('PublishMessage')

const batchItem = z.union(
  [
    event.extend({ idempotency_key: keyInBatch.optional() }).refine(isEither, EITHER),
    raw.extend({ idempotency_key: keyInBatch.optional() }),
  ],
  EITHER,
)

export const batchBody = z.strictObject({ messages: z.array(batchItem).min(1).max(100) }).openapi('PublishBatch')

type Body = z.output<typeof publishBody> & { idempotency_key?: string | undefined }

/** @param data `data` as it stands in the request, to the last digit */

export function toDraft(body: Body, data: unknown, idempotency_key: string | undefined): Draft {
  return {
    event_type: body.type,
    content:
      'raw' in body
        ? { format: 'raw', content_type: body.content_type, bytes: encodeUtf8(body.raw) }
        : { format: 'event', data, schema_version: body.schema_version },
    channels: body.channels,
    ordering_key: body.ordering_key ?? null,
    subject: body.subject ?? null,
    idempotency_key: idempotency_key ?? null,
    headers: {},
    event: null,
  }
}

const state = z.enum(DELIVERY_STATES)

export const publishedSchema = z
  .object({
    id: z.string().openapi({ example: 'msg_01JD9Z6Q3V8M4T2K7N5B1C0XYE' }),
    type: z.string().openapi({ example: 'invoice.paid' }),
    accepted_at: time,
    deliveries: z.array(z.object({ id: z.string(), endpoint_id: z.string(), state })).openapi({
      description: 'Empty when no endpoint subscribed: the message is kept and listed, with nothing to deliver',
    }),
    full: z
      .array(z.string())
      .openapi({ description: 'Endpoints that subscribed but hold as many deliveries as they may' }),
    duplicate: z.boolean().openapi({ description: 'It had been accepted before; nothing is sent twice' }),
    warnings: z
      .array(z.object({ code: z.enum(['event_type_deprecated']), detail: z.string() }))
      .openapi({ description: 'What there is to say of a message that was accepted all the same' }),
  })
  .openapi('PublishedMessage')

export function toPublishedJson({ id, event_type, accepted_at, deliveries, full, is_duplicate, warnings }: Published) {
  return {
    id,
    type: event_type,
    accepted_at: toTime(accepted_at),
    deliveries: deliveries.map(({ endpoint_id, state }) => ({
      id: formatDeliveryId({ message_id: id, endpoint_id }),
      endpoint_id,
      state,
    })),
    full,
    duplicate: is_duplicate,
    warnings,
  }
}
