import { z } from '@hono/zod-openapi'
import { record } from '../audit/audited.ts'
import { OPERATOR_CHAIN } from '../audit/entry.ts'
import { tenantAccess, tenantOf } from '../http/authorize.ts'
import { unwrap } from '../http/context.ts'
import { jsonBody } from '../http/json-body.ts'
import { decodeCursor, pageOf, pageQuery } from '../http/paging.ts'
import { defineRoute, jsonAnswer, tenantParam } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import {
  exhaustedSchema,
  filterFields,
  internalParam,
  internalSchema,
  letterParam,
  redriveBody,
  toExhaustedJson,
  toInternalJson,
} from './contract.ts'
import { deleteExhausted, deleteInternal } from './delete-dead-letters.ts'
import { type After, listExhausted, listInternal } from './list-dead-letters.ts'
import { redriveExhausted, redriveInternal } from './redrive.ts'

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
    return c.json({ data: page.data.map(toExhaustedJson), next_cursor: page.next_cursor }, 200)
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
  async (c) => c.json(unwrap(await redriveExhausted(c.var.deps, tenantAccess(c), c.req.valid('json'))), 202),
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
    is_audited: true,
    tags,
    summary: 'List internal dead letters',
    description: 'For operators: what Postern itself could not process, of all tenants.',
    request: { query: pageQuery },
    responses: { 200: jsonAnswer(pageOf(internalSchema), 'Internal dead letters, newest first') },
  }),
  async (c) => {
    const { limit, cursor } = c.req.valid('query')
    // They hold what was published, of any tenant.
    unwrap(await record(c.var.deps, OPERATOR_CHAIN, { action: 'internal_dead_letter.read', target: null }))
    const page = await listInternal(c.var.deps, limit, afterOf(cursor))
    return c.json({ data: page.data.map(toInternalJson), next_cursor: page.next_cursor }, 200)
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
