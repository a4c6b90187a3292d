import { z } from '@hono/zod-openapi'
import { tenantOf } from '../http/authorize.ts'
import { unwrap } from '../http/context.ts'
import { jsonBody } from '../http/json-body.ts'
import { decodeCursor, pageOf, pageQuery } from '../http/paging.ts'
import { defineRoute, jsonAnswer, tenantParam } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { time, timeInput, toTime } from '../http/time.ts'
import { deleteExhausted, deleteInternal } from './delete-dead-letters.ts'
import { type After, type DeadLetterRow, listExhausted, listInternal } from './list-dead-letters.ts'
import { redriveExhausted, redriveInternal } from './redrive.ts'

const exhaustedSchema = z
  .object({
    id: z.string().openapi({ example: 'msg_01JD9Z6Q3V8M4T2K7N5B1C0XYE.ep_01JD9Z5M2R7W3H6F4A8G9D1QTS' }),
    cause: z.literal('exhausted'),
    endpoint_id: z.string(),
    message_id: z.string(),
    event_type: z.string(),
    accepted_at: time,
    died_at: time,
    attempt_count: z.int(),
    last_status: z.int().nullable(),
    last_error: z.string().nullable().openapi({ example: 'server_error' }),
  })
  .openapi('DeadLetter', { description: 'A delivery that used up its retries; its id is the delivery’s.' })

const internalSchema = z
  .object({
    id: z.string(),
    cause: z.literal('internal'),
    tenant_id: z.string().nullable(),
    queue: z.string().openapi({ example: 'fanout' }),
    body: z.string().openapi({ description: 'As it was in the queue, as JSON' }),
    error: z.string(),
    died_at: time,
  })
  .openapi('InternalDeadLetter', { description: 'A queue message that Postern itself could not process.' })

const filterFields = {
  endpoint_id: z.string().optional(),
  event_type: z.string().max(128).optional(),
  since: timeInput.optional().openapi({ description: 'Died at or after this' }),
  until: timeInput.optional().openapi({ description: 'Died before this' }),
}

const redriveBody = z
  .strictObject({
    ids: z.array(z.string()).min(1).max(1000).optional().openapi({ description: 'These alone' }),
    ...filterFields,
  })
  .openapi('Redrive', { description: 'All that fit every member; an empty object means all of the tenant’s.' })

const letterParam = tenantParam.extend({ id: z.string() })
const internalParam = z.object({ id: z.string() })
const tags = ['Dead letters']
const path = '/v1/tenants/{tenant}/dead-letters'
const internal_path = '/v1/dead-letters'

export const deadLetterRoutes = createRouter()

deadLetterRoutes.openapi(
  defineRoute({
    method: 'get',
    path,
    permission: 'dead_letter.read',
    tags,
    summary: 'List dead letters',
    request: { params: tenantParam, query: pageQuery.extend(filterFields) },
    responses: { 200: jsonAnswer(pageOf(exhaustedSchema), 'Dead letters, newest death first') },
  }),
  async (c) => {
    const { limit, cursor, ...filter } = c.req.valid('query')
    const page = await listExhausted(c.var.deps, tenantOf(c).id, filter, limit, afterOf(cursor))
    return c.json({ data: page.data.map(toExhaustedView), next_cursor: page.next_cursor }, 200)
  },
)

deadLetterRoutes.openapi(
  defineRoute({
    method: 'post',
    path: `${path}/redrive`,
    permission: 'dead_letter.redrive',
    tags,
    summary: 'Redrive dead letters',
    description: 'Starts their deliveries again, with all retries, oldest death first; up to 10,000 at once.',
    request: { params: tenantParam, body: jsonBody(redriveBody) },
    responses: {
      202: jsonAnswer(
        z.object({
          count: z.int().openapi({ description: 'Started again' }),
          missing: z.int().openapi({ description: 'Past retention, or their endpoint is gone' }),
          has_more: z.boolean().openapi({ description: 'Ask again for the rest' }),
        }),
        'What starts again',
      ),
    },
  }),
  async (c) => c.json(await redriveExhausted(c.var.deps, tenantOf(c).id, c.req.valid('json')), 202),
)

deadLetterRoutes.openapi(
  defineRoute({
    method: 'delete',
    path: `${path}/{id}`,
    permission: 'dead_letter.delete',
    tags,
    summary: 'Delete a dead letter',
    description: 'Takes it off the list. The delivery stays `dead`, and can be retried until retention ends.',
    request: { params: letterParam },
    responses: { 204: { description: 'Deleted' } },
  }),
  async (c) => {
    unwrap(await deleteExhausted(c.var.deps, tenantOf(c).id, c.req.valid('param').id))
    return c.body(null, 204)
  },
)

deadLetterRoutes.openapi(
  defineRoute({
    method: 'get',
    path: internal_path,
    permission: 'internal_dead_letter.read',
    tags,
    summary: 'List internal dead letters',
    description: 'For operators: what Postern itself could not process, of all tenants.',
    request: { query: pageQuery },
    responses: { 200: jsonAnswer(pageOf(internalSchema), 'Internal dead letters, newest first') },
  }),
  async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const page = await listInternal(c.var.deps, limit, afterOf(cursor))
    return c.json({ data: page.data.map(toInternalView), next_cursor: page.next_cursor }, 200)
  },
)

deadLetterRoutes.openapi(
  defineRoute({
    method: 'post',
    path: `${internal_path}/{id}/redrive`,
    permission: 'internal_dead_letter.redrive',
    tags,
    summary: 'Redrive an internal dead letter',
    description: 'Puts it back into its queue.',
    request: { params: internalParam },
    responses: { 202: { description: 'In its queue again' } },
  }),
  async (c) => {
    unwrap(await redriveInternal(c.var.deps, c.req.valid('param').id))
    return c.body(null, 202)
  },
)

deadLetterRoutes.openapi(
  defineRoute({
    method: 'delete',
    path: `${internal_path}/{id}`,
    permission: 'internal_dead_letter.delete',
    tags,
    summary: 'Delete an internal dead letter',
    request: { params: internalParam },
    responses: { 204: { description: 'Deleted' } },
  }),
  async (c) => {
    unwrap(await deleteInternal(c.var.deps, c.req.valid('param').id))
    return c.body(null, 204)
  },
)

function afterOf(cursor: string | undefined): After {
  return cursor === undefined ? null : decodeCursor(cursor, z.tuple([z.number(), z.string()]))
}

function toExhaustedView(row: DeadLetterRow): z.output<typeof exhaustedSchema> {
  return {
    id: row.id,
    cause: 'exhausted',
    endpoint_id: row.endpoint_id ?? '',
    message_id: row.message_id ?? '',
    event_type: row.event_type ?? '',
    accepted_at: toTime(row.accepted_at ?? 0),
    died_at: toTime(row.died_at),
    attempt_count: row.attempts ?? 0,
    last_status: row.last_status,
    last_error: row.last_error,
  }
}

function toInternalView(row: DeadLetterRow): z.output<typeof internalSchema> {
  return {
    id: row.id,
    cause: 'internal',
    tenant_id: row.tenant_id === '' ? null : row.tenant_id,
    queue: row.queue ?? 'unknown',
    body: row.body ?? 'null',
    error: row.error ?? '',
    died_at: toTime(row.died_at),
  }
}
