import { z } from '@hono/zod-openapi'
import { routePath } from 'hono/route'
import { writePoints } from '../data-points.ts'
import { deliverySchema, toDeliveryJson } from '../deliveries/contract.ts'
import { formatDeliveryId } from '../deliveries/delivery-id.ts'
import { tenantAccess, tenantOf } from '../http/authorize.ts'
import { type AppContext, unwrap } from '../http/context.ts'
import { jsonBody, optionalJsonBody } from '../http/json-body.ts'
import { decodeCursor, pageOf, pageQuery } from '../http/paging.ts'
import { PROBLEMS, ProblemError, problem } from '../http/problems.ts'
import { defineRoute, jsonAnswer, problemErrors, tenantParam } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { time, timeInput, toTime, toTimeOrNull } from '../http/time.ts'
import { idPattern } from '../lib/ids.ts'
import { parseLossless } from '../lib/json.ts'
import { TRACEPARENT, traceHeaders } from '../lib/trace-context.ts'
import { toPublishedPoints } from '../metrics/published-points.ts'
import { isRevealed, revealQuery } from '../redaction/reveal.ts'
import {
  batchBody,
  idempotencyKey,
  publishBody,
  publishedSchema,
  toDraft,
  toPublishedJson,
  traceFields,
} from './contract.ts'
import { deliveriesOfMessage, getMessage, type MessageView } from './get-message.ts'
import { listMessages } from './list-messages.ts'
import type { Draft } from './message.ts'
import { type Publication, publish } from './publish.ts'
import { replayMessage } from './replay-message.ts'

/** The largest payload a tenant may be allowed, JSON-escaped at worst, and room for the rest. */
const PUBLISH_BYTES_MAX = 3 * 1024 * 1024
const BATCH_BYTES_MAX = 10 * 1024 * 1024

const messageParam = tenantParam.extend({
  message: z.string().openapi({ example: 'msg_01JD9Z6Q3V8M4T2K7N5B1C0XYE' }),
})
const messageId = new RegExp(idPattern('msg'))

const messageSummary = z.object({
  id: z.string(),
  type: z.string(),
  accepted_at: time,
  deliveries: z.int().openapi({ description: 'Endpoints that it goes to' }),
})

const messageSchema = z
  .object({
    id: z.string(),
    type: z.string(),
    accepted_at: time,
    channels: z.array(z.string()),
    ordering_key: z.string().nullable(),
    content_type: z.string(),
    size_bytes: z.int(),
    erased_at: time.nullable().openapi({ description: 'When its content was erased on behalf of its data subject' }),
    trace_id: z.string().nullable().openapi({
      example: '4bf92f3577b34da6a3ce929d0e0e4736',
      description: 'The W3C trace that it was published in; null once its content is gone',
    }),
    payload: z.string().nullable().openapi({ description: 'The body as delivered, but for what is redacted' }),
    payload_omitted: z.enum(['not_text', 'too_large', 'missing', 'expired', 'erased']).nullable().openapi({
      description:
        'Why there is no payload to show: it is not UTF-8 text, it has more than 4 MiB, storage has lost it, the retention of its type is over, or it was erased',
    }),
    payload_redacted: z.boolean().openapi({ description: 'Whether `payload` is not all that receivers get' }),
  })
  .openapi('Message')

const tags = ['Messages']

export const messageRoutes = createRouter()

messageRoutes.openapi(
  defineRoute({
    method: 'post',
    path: '/v1/tenants/{tenant}/messages',
    permission: 'message.publish',
    // What was published is its own record.
    is_audited: false,
    body_bytes_max: PUBLISH_BYTES_MAX,
    tags,
    summary: 'Publish a message',
    description:
      'The 202 leaves once every delivery is in durable storage. With an `Idempotency-Key` the request may be repeated ' +
      'safely: the same content is answered as a duplicate, another content with 409.',
    request: {
      params: tenantParam,
      headers: z.object({ ...traceFields, 'idempotency-key': idempotencyKey.optional() }),
      body: jsonBody(publishBody),
    },
    responses: { 202: jsonAnswer(publishedSchema, 'Accepted, and in custody') },
  }),
  async (c) => {
    const { 'idempotency-key': key } = c.req.valid('header')
    const { data } = (await losslessBody(c)) as { data?: unknown }
    const draft = toDraft(c.req.valid('json'), data, key)
    const { results, quota_headers } = await publishNoted(c, [draft])
    const [result] = results
    if (result === undefined) throw new Error('one message has one result')
    tellQuotas(c, quota_headers)
    tellTrace(c)
    return c.json(toPublishedJson(unwrap(result)), 202)
  },
)

const batchResult = z.union([
  z.object({ status: z.literal(202), message: publishedSchema }),
  z.object({
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    message_id: z.string().optional(),
    retry_after_s: z.int().optional().openapi({ description: 'Of a message that the quotas of the tenant keep' }),
    errors: problemErrors.optional(),
  }),
])

messageRoutes.openapi(
  defineRoute({
    method: 'post',
    path: '/v1/tenants/{tenant}/messages/batch',
    permission: 'message.publish',
    is_audited: false,
    body_bytes_max: BATCH_BYTES_MAX,
    tags,
    summary: 'Publish up to 100 messages',
    description: 'Each has its own result, in the order given; one that is refused does not hold up the others.',
    request: { params: tenantParam, headers: z.object(traceFields), body: jsonBody(batchBody) },
    responses: { 200: jsonAnswer(z.object({ results: z.array(batchResult) }), 'A result for each message') },
  }),
  async (c) => {
    const { messages } = c.req.valid('json')
    if (c.req.header('idempotency-key') !== undefined) {
      const detail = 'a batch has none; give each message an idempotency_key of its own'
      throw new ProblemError(problem('invalid_idempotency_key', detail))
    }
    const lossless = ((await losslessBody(c)) as { messages: { data?: unknown }[] }).messages
    const drafts = messages.map((message, i) => toDraft(message, lossless[i]?.data, message.idempotency_key))
    const { results, quota_headers } = await publishNoted(c, drafts)
    tellQuotas(c, quota_headers)
    tellTrace(c)
    return c.json(
      {
        results: results.map((result) =>
          result.ok
            ? { status: 202 as const, message: toPublishedJson(result.value) }
            : {
                status: PROBLEMS[result.error.code].status,
                code: result.error.code,
                detail: result.error.detail,
                ...(result.error.errors && { errors: result.error.errors }),
                ...result.error.extra,
              },
        ),
      },
      200,
    )
  },
)

messageRoutes.openapi(
  defineRoute({
    method: 'get',
    path: '/v1/tenants/{tenant}/messages',
    permission: 'message.read',
    tags,
    summary: 'List messages',
    request: {
      params: tenantParam,
      query: pageQuery.extend({
        type: z.string().optional().openapi({ description: 'Only this event type' }),
        since: timeInput.optional(),
        until: timeInput.optional(),
      }),
    },
    responses: { 200: jsonAnswer(pageOf(messageSummary), 'Messages, newest first; a new one shows within seconds') },
  }),
  async (c) => {
    const { limit, cursor, type, since, until } = c.req.valid('query')
    const after = cursor === undefined ? null : decodeCursor(cursor, z.tuple([z.number(), z.string()]))
    const page = await listMessages(c.var.deps, tenantOf(c).id, { limit, after, event_type: type, since, until })
    return c.json(
      {
        data: page.data.map((row) => ({ ...row, accepted_at: toTime(row.accepted_at) })),
        next_cursor: page.next_cursor,
      },
      200,
    )
  },
)

messageRoutes.openapi(
  defineRoute({
    method: 'get',
    path: '/v1/tenants/{tenant}/messages/{message}',
    permission: 'message.read',
    tags,
    summary: 'Get a message',
    request: { params: messageParam, query: revealQuery },
    responses: { 200: jsonAnswer(messageSchema, 'The message with its payload') },
  }),
  async (c) => {
    const id = messageOf(c)
    const is_revealed = await isRevealed(c, c.req.valid('query'), id)
    const message = unwrap(await getMessage(c.var.deps, tenantAccess(c), id, is_revealed))
    return c.json(toMessageJson(message), 200)
  },
)

messageRoutes.openapi(
  defineRoute({
    method: 'get',
    path: '/v1/tenants/{tenant}/messages/{message}/deliveries',
    permission: 'message.read',
    tags,
    summary: 'List the deliveries of a message',
    request: { params: messageParam },
    responses: { 200: jsonAnswer(z.object({ data: z.array(deliverySchema) }), 'One for each endpoint') },
  }),
  async (c) => {
    const deliveries = unwrap(await deliveriesOfMessage(c.var.deps, tenantAccess(c), messageOf(c)))
    return c.json({ data: deliveries.map(toDeliveryJson) }, 200)
  },
)

messageRoutes.openapi(
  defineRoute({
    method: 'post',
    path: '/v1/tenants/{tenant}/messages/{message}/replay',
    permission: 'message.replay',
    tags,
    summary: 'Send a message again',
    description: 'To the endpoints that had it, or to those named, which may be new.',
    request: {
      params: messageParam,
      body: optionalJsonBody(
        z.strictObject({ endpoint_ids: z.array(z.string()).min(1).max(100).optional() }).openapi('ReplayMessage'),
      ),
    },
    responses: {
      202: jsonAnswer(
        z.object({ deliveries: z.array(z.object({ id: z.string(), endpoint_id: z.string() })) }),
        'The deliveries that start again; one that waits for a retry is attempted now',
      ),
    },
  }),
  async (c) => {
    const { endpoint_ids } = c.req.valid('json')
    const id = messageOf(c)
    const replayed = unwrap(await replayMessage(c.var.deps, tenantAccess(c), id, endpoint_ids))
    return c.json(
      {
        deliveries: replayed.map((endpoint_id) => ({
          id: formatDeliveryId({ message_id: id, endpoint_id }),
          endpoint_id,
        })),
      },
      202,
    )
  },
)

/** What the attempts will be children of: also where the caller began no trace. */
function tellTrace(c: AppContext): void {
  const { trace } = c.var.deps
  if (trace !== null) c.header(TRACEPARENT, traceHeaders(trace)[TRACEPARENT])
}

/** Publishes, and leaves data points of what came of it. */
async function publishNoted(c: AppContext, drafts: readonly Draft[]): Promise<Publication> {
  const { deps } = c.var
  const started_at = deps.now()
  const access = tenantAccess(c)
  const publication = await publish(deps, access, drafts)
  const at = {
    tenant_id: access.tenant.id,
    route: `${c.req.method} ${routePath(c)}`,
    duration_ms: deps.now() - started_at,
  }
  const concluded = drafts.flatMap(({ event_type }, i) => {
    const result = publication.results[i]
    return result === undefined ? [] : [{ event_type, result }]
  })
  writePoints(deps, toPublishedPoints(at, concluded))
  return publication
}

/** Beside what the answer says of the limit of the key. */
function tellQuotas(c: AppContext, headers: Record<string, string>): void {
  for (const [name, value] of Object.entries(headers)) c.header(name, value, { append: true })
}

function toMessageJson({ content, ...message }: MessageView) {
  const { payload, payload_omitted, payload_redacted } = content
  const times = { accepted_at: toTime(message.accepted_at), erased_at: toTimeOrNull(message.erased_at) }
  return { ...message, ...times, payload, payload_omitted, payload_redacted }
}

/** The body once more, with its numbers as they were written; the contract has already been checked. */
async function losslessBody(c: AppContext): Promise<unknown> {
  return parseLossless(await c.req.text())
}

function messageOf(c: AppContext): string {
  const id = c.req.param('message') ?? ''
  return messageId.test(id) ? id : ''
}
