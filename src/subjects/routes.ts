import { z } from '@hono/zod-openapi'
import { tenantAccess, tenantOf } from '../http/authorize.ts'
import { unwrap } from '../http/context.ts'
import { jsonBody } from '../http/json-body.ts'
import { ndjson, ndjsonAnswer } from '../http/ndjson.ts'
import { decodeCursor, pageOf, pageQuery } from '../http/paging.ts'
import { defineRoute, jsonAnswer, tenantParam } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { erasureBody, erasureSchema, exportBody, toErasureJson } from './contract.ts'
import { exportSubject } from './export-subject.ts'
import { getErasure, listErasures } from './find-erasures.ts'
import { requestErasure } from './request-erasure.ts'

const tags = ['Data subjects']

export const subjectRoutes = createRouter()

subjectRoutes.openapi(
  defineRoute({
    method: 'post',
    path: '/v1/tenants/{tenant}/exports',
    permission: 'data.export',
    step_up: 'always',
    tags,
    summary: 'Export what is about a data subject',
    description:
      'Every message that was published with this `subject`, oldest first, each followed by its deliveries with their ' +
      'attempts; as NDJSON, a `kind` to each line. The last line is of kind `end`; when its `next_cursor` is not null ' +
      'there is more. A message of the last seconds may be missing.',
    request: { params: tenantParam, body: jsonBody(exportBody) },
    responses: { 200: ndjsonAnswer('A line for each message, delivery, and the end') },
  }),
  async (c) => {
    const { subject, cursor } = c.req.valid('json')
    const from = cursor === undefined ? undefined : decodeCursor(cursor, exportPlace)
    const lines = unwrap(await exportSubject(c.var.deps, tenantAccess(c), subject, from))
    return ndjson(c, lines)
  },
)

const exportPlace = z.tuple([z.enum(['deliveries', 'unmatched']), z.int().min(0), z.string(), z.string()])

subjectRoutes.openapi(
  defineRoute({
    method: 'post',
    path: '/v1/tenants/{tenant}/erasures',
    permission: 'data.erase',
    step_up: 'always',
    tags,
    summary: 'Erase what is about a data subject',
    description:
      'Removes the content of every message that was published with this `subject` until now, wherever it is; what has ' +
      'not been delivered is not delivered any more. It goes on in the background, and is completed after ten minutes ' +
      'at the earliest: until then something may be on its way.',
    request: { params: tenantParam, body: jsonBody(erasureBody) },
    responses: { 202: jsonAnswer(erasureSchema, 'The erasure, which has begun') },
  }),
  async (c) => {
    const { subject } = c.req.valid('json')
    const row = unwrap(await requestErasure(c.var.deps, tenantOf(c), c.var.access, subject))
    return c.json(await toErasureJson(row, c.var.deps.settings.keyring), 202)
  },
)

subjectRoutes.openapi(
  defineRoute({
    method: 'get',
    path: '/v1/tenants/{tenant}/erasures',
    permission: 'erasure.read',
    tags,
    summary: 'List erasures',
    request: { params: tenantParam, query: pageQuery },
    responses: { 200: jsonAnswer(pageOf(erasureSchema), 'Erasures, newest first') },
  }),
  async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const after = cursor === undefined ? undefined : decodeCursor(cursor, z.tuple([z.string()]))[0]
    const page = await listErasures(c.var.deps, tenantOf(c).id, limit, after)
    const data = await Promise.all(page.data.map((row) => toErasureJson(row, c.var.deps.settings.keyring)))
    return c.json({ data, next_cursor: page.next_cursor }, 200)
  },
)

subjectRoutes.openapi(
  defineRoute({
    method: 'get',
    path: '/v1/tenants/{tenant}/erasures/{erasure}',
    permission: 'erasure.read',
    tags,
    summary: 'Get an erasure',
    request: {
      params: tenantParam.extend({ erasure: z.string().openapi({ example: 'era_01JD9Z6Q3V8M4T2K7N5B1C0XYE' }) }),
    },
    responses: { 200: jsonAnswer(erasureSchema, 'The erasure; with its receipt once it is completed') },
  }),
  async (c) => {
    const row = unwrap(await getErasure(c.var.deps, tenantOf(c).id, c.req.valid('param').erasure))
    return c.json(await toErasureJson(row, c.var.deps.settings.keyring), 200)
  },
)
