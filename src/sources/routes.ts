import { z } from '@hono/zod-openapi'
import { tenantOf } from '../http/authorize.ts'
import { type AppContext, unwrap } from '../http/context.ts'
import { jsonBody, optionalJsonBody } from '../http/json-body.ts'
import { decodeCursor, pageOf, pageQuery } from '../http/paging.ts'
import { defineRoute, jsonAnswer, tenantParam } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import {
  createBody,
  patchBody,
  rotateBody,
  sourceParam,
  sourceSchema,
  sourceWithCredentialsSchema,
  toSourceJson,
} from './contract.ts'
import { createSource } from './create-source.ts'
import { deleteSource } from './delete-source.ts'
import { findSource } from './find-source.ts'
import { listSources } from './list-sources.ts'
import { rotateCredentials } from './rotate-credentials.ts'
import type { SourceRow } from './table.ts'
import { updateSource } from './update-source.ts'

const tags = ['Sources']
const path = '/v1/tenants/{tenant}/sources'
const one = `${path}/{source}` as const

export const sourceRoutes = createRouter()

sourceRoutes.openapi(
  defineRoute({
    method: 'get',
    path,
    permission: 'source.read',
    tags,
    summary: 'List sources',
    request: { params: tenantParam, query: pageQuery },
    responses: { 200: jsonAnswer(pageOf(sourceSchema), 'Sources, newest first') },
  }),
  async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const [after] = cursor === undefined ? [] : decodeCursor(cursor, z.tuple([z.string()]))
    const page = await listSources(c.var.deps, tenantOf(c).id, limit, after)
    return c.json({ data: page.data.map((row) => show(c, row)), next_cursor: page.next_cursor }, 200)
  },
)

sourceRoutes.openapi(
  defineRoute({
    method: 'post',
    path,
    permission: 'source.write',
    tags,
    summary: 'Create a source',
    description: 'A URL for one provider to send webhooks to.',
    request: { params: tenantParam, body: jsonBody(createBody) },
    responses: { 201: jsonAnswer(sourceWithCredentialsSchema, 'The source, and credentials if they were made') },
  }),
  async (c) => {
    const { row, invented } = unwrap(await createSource(c.var.deps, tenantOf(c), c.req.valid('json')))
    return c.json({ ...show(c, row), credentials: invented }, 201)
  },
)

sourceRoutes.openapi(
  defineRoute({
    method: 'get',
    path: one,
    permission: 'source.read',
    tags,
    summary: 'Get a source',
    request: { params: sourceParam },
    responses: { 200: jsonAnswer(sourceSchema, 'The source') },
  }),
  async (c) => {
    const { tenant, source } = c.req.valid('param')
    return c.json(show(c, unwrap(await findSource(c.var.deps, tenant, source))), 200)
  },
)

sourceRoutes.openapi(
  defineRoute({
    method: 'patch',
    path: one,
    permission: 'source.write',
    tags,
    summary: 'Change a source',
    description:
      'Changes what is named; `settings` are replaced whole. What it has parked is delivered when it goes on.',
    request: { params: sourceParam, body: jsonBody(patchBody) },
    responses: { 200: jsonAnswer(sourceSchema, 'The source as it is now') },
  }),
  async (c) => {
    const { tenant, source } = c.req.valid('param')
    return c.json(show(c, unwrap(await updateSource(c.var.deps, tenant, source, c.req.valid('json')))), 200)
  },
)

sourceRoutes.openapi(
  defineRoute({
    method: 'delete',
    path: one,
    permission: 'source.write',
    tags,
    summary: 'Delete a source',
    description: 'Its messages stay. Those that it has parked were accepted, and are delivered.',
    request: { params: sourceParam },
    responses: { 204: { description: 'Deleted' } },
  }),
  async (c) => {
    const { tenant, source } = c.req.valid('param')
    unwrap(await deleteSource(c.var.deps, tenant, source))
    return c.body(null, 204)
  },
)

sourceRoutes.openapi(
  defineRoute({
    method: 'post',
    path: `${one}/secret/rotate`,
    permission: 'source.secret.rotate',
    step_up: 'always',
    tags,
    summary: 'Rotate the credentials of a source',
    description: 'Until the overlap ends, what is signed with the credentials before is believed too.',
    request: { params: sourceParam, body: optionalJsonBody(rotateBody) },
    responses: { 200: jsonAnswer(sourceWithCredentialsSchema, 'The source, and credentials if they were made') },
  }),
  async (c) => {
    const { tenant, source } = c.req.valid('param')
    const wanted = rotateBody.parse(c.req.valid('json'))
    const { row, invented } = unwrap(await rotateCredentials(c.var.deps, tenant, source, wanted))
    return c.json({ ...show(c, row), credentials: invented }, 200)
  },
)

function show(c: AppContext, row: SourceRow) {
  return toSourceJson(row, new URL(c.req.url).origin, c.var.deps.now())
}
