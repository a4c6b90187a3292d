/** What endpoints are in the API: what their owner may set, and how they are shown. */
import { z } from '@hono/zod-openapi'
import { FINISHED_STATES } from '../../durable-objects/endpoint/rpc.ts'
import { eventTypeName } from '../event-types/contract.ts'
import { tenantParam } from '../http/route.ts'
import { prose } from '../http/text.ts'
import { time, timeInput, toTime, toTimeOrNull } from '../http/time.ts'
import { isEventTypePattern } from '../lib/glob.ts'
import { channel } from '../messages/fields.ts'
import { headersField } from './headers.ts'
import { IN_FLIGHT_PER_LANE_MAX, LANES_MAX } from './lanes.ts'
import type { EndpointRow } from './settings.ts'

/** As the Standard Webhooks specification recommends ("Operational considerations", retries). */
const RETRY_DELAYS_S = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]

const pattern = z.string().refine(isEventTypePattern, 'must be a dotted name in which * may stand for a segment')
const expression = z.string().min(1).max(8192).nullable()
const ownSecret = z.string().max(256).optional()

const secretKind = z.enum(['hmac', 'ed25519'])

/** Every member on its own, required and without a default. */
const settable = {
  url: z
    .string()
    .min(1)
    .max(2048)
    .openapi({ example: 'https://hooks.acme.com/postern', description: 'Public, and https' }),
  description: prose(1000),
  event_types: z
    .array(pattern)
    .min(1)
    .max(100)
    .openapi({
      description: 'What it subscribes to: `invoice.paid`, `invoice.*`, or `*` for everything',
      example: ['invoice.*'],
    }),
  channels: z
    .array(channel)
    .min(1)
    .max(50)
    .nullable()
    .openapi({
      description: 'Takes messages of these channels and messages without any; null takes all',
      example: ['eu'],
    }),
  headers: headersField,
  timeout_ms: z.int().min(1000).max(30_000).openapi({ description: 'How long an attempt may take' }),
  retry_delays_s: z.array(z.int().min(1).max(86_400)).max(20).openapi({
    description: 'Delay before each retry, ±20 %; an empty list means a single attempt',
    example: RETRY_DELAYS_S,
  }),
  max_in_flight: z
    .int()
    .min(1)
    .max(IN_FLIGHT_PER_LANE_MAX * LANES_MAX)
    .openapi({ description: 'Attempts at once: up to 100 for each lane' }),
  rate_limit_per_s: z
    .int()
    .min(1)
    .max(10_000)
    .nullable()
    .openapi({ description: 'Attempts per second; null for no limit' }),
  ordering: z.enum(['none', 'key', 'fifo']).openapi({
    description: '`key`: deliveries with the same ordering key go strictly in order; `fifo`: all of them do',
  }),
  lanes: z.int().min(1).max(LANES_MAX).openapi({
    description:
      'Durable Objects that share the work of an endpoint with more than a few hundred messages a second. Not with `ordering: fifo`, and not more than `max_in_flight`',
  }),
  filter: expression.openapi({
    description: 'JSONata over `{type, data, headers}`: only messages for which it holds are delivered',
    example: 'data.amount > 100',
  }),
  transform: expression.openapi({
    description: 'JSONata over `{type, data, headers}`: its result is the body that is delivered',
    example: '{"text": type & ": " & data.id}',
  }),
}

export const createBody = z
  .strictObject({
    ...settable,
    description: settable.description.default(''),
    event_types: settable.event_types.default(['*']),
    channels: settable.channels.default(null),
    headers: settable.headers.default({}),
    timeout_ms: settable.timeout_ms.default(15_000),
    retry_delays_s: settable.retry_delays_s.default(RETRY_DELAYS_S),
    max_in_flight: settable.max_in_flight.default(10),
    rate_limit_per_s: settable.rate_limit_per_s.default(null),
    ordering: settable.ordering.default('none'),
    lanes: settable.lanes.default(1),
    filter: settable.filter.default(null),
    transform: settable.transform.default(null),
    secret_kind: secretKind.optional().openapi({
      description:
        '`hmac` (default): a shared secret; `ed25519`: a key pair, of which receivers need only the public key',
    }),
    secret: ownSecret.openapi({ description: 'Your own, `whsec_…` or `whsk_…`, instead of a new one' }),
  })
  .openapi('CreateEndpoint')

export const patchBody = z.strictObject(settable).partial().openapi('UpdateEndpoint')

export const rotateBody = z
  .strictObject({
    overlap_s: z
      .int()
      .min(0)
      .max(604_800)
      .default(86_400)
      .openapi({ description: 'How long old secrets go on signing, at most' }),
    kind: secretKind.optional().openapi({ description: 'Default: the kind of the present one' }),
    secret: ownSecret.openapi({ description: 'Your own instead of a new one' }),
  })
  .openapi('RotateSecret')

export type NewEndpoint = z.output<typeof createBody>
export type EndpointChange = z.output<typeof patchBody>

export const endpointParam = tenantParam.extend({
  endpoint: z.string().openapi({ example: 'ep_01JD9Z6Q3V8M4T2K7N5B1C0XYE' }),
})

export const enableBody = z
  .strictObject({
    parked: z.enum(['deliver', 'cancel']).default('deliver').openapi({
      description: 'What becomes of parked deliveries; `deliver` starts slowly',
    }),
  })
  .openapi('EnableEndpoint')

export const testBody = z.strictObject({ event_type: eventTypeName.default('postern.test') }).openapi('TestEndpoint')

export const replayBody = z
  .strictObject({
    since: timeInput,
    until: timeInput.optional(),
    states: z
      .array(z.enum(FINISHED_STATES))
      .min(1)
      .default([...FINISHED_STATES])
      .openapi({ description: 'Which finished deliveries' }),
    cursor: z.string().max(1000).optional().openapi({ description: '`next_cursor` of the answer before' }),
  })
  .openapi('ReplayEndpoint')

export const endpointSchema = z
  .object({
    id: z.string().openapi({ example: 'ep_01JD9Z6Q3V8M4T2K7N5B1C0XYE' }),
    ...settable,
    // As they are stored: the input's transform has made the names lower-case.
    headers: z.record(z.string(), z.string()),
    status: z.enum(['enabled', 'disabled']),
    disabled_reason: z.enum(['manual', 'gone', 'failing']).nullable().openapi({
      description: '`gone`: it answered 410; `failing`: no success for as long as the tenant allows',
    }),
    disabled_at: time.nullable(),
    created_at: time,
    updated_at: time,
  })
  .openapi('Endpoint')

export const secretSchema = z
  .object({
    secret: z.string().openapi({ example: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' }),
    kind: secretKind,
    public_key: z.string().nullable().openapi({ description: 'What receivers verify Ed25519 signatures with' }),
  })
  .openapi('Secret')

export const createdSchema = endpointSchema
  .extend({ secret: secretSchema.shape.secret, public_key: secretSchema.shape.public_key })
  .openapi('CreatedEndpoint')

/** @param headers their values as far as whoever asks may see them (show-endpoint.ts) */
export function toEndpointJson(row: EndpointRow, headers: Record<string, string>): z.output<typeof endpointSchema> {
  return {
    id: row.id,
    url: row.url,
    description: row.description,
    event_types: row.event_types,
    channels: row.channels,
    headers,
    timeout_ms: row.timeout_ms,
    retry_delays_s: row.retry_delays_s,
    max_in_flight: row.max_in_flight,
    rate_limit_per_s: row.rate_limit_per_s,
    ordering: row.ordering,
    lanes: row.layout.lanes,
    filter: row.filter,
    transform: row.transform,
    status: row.disabled === null ? 'enabled' : 'disabled',
    disabled_reason: row.disabled,
    disabled_at: toTimeOrNull(row.disabled_at),
    created_at: toTime(row.created_at),
    updated_at: toTime(row.updated_at),
  }
}
