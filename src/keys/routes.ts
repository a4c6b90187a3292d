import { z } from '@hono/zod-openapi'
import { tenantOf } from '../http/authorize.ts'
import { unwrap } from '../http/context.ts'
import { jsonBody } from '../http/json-body.ts'
import { decodeCursor, pageOf, pageQuery } from '../http/paging.ts'
import { defineRoute, jsonAnswer, tenantParam } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { createBody, createdSchema, keyParam, keySchema, toKeyJson } from './contract.ts'
import { createKey } from './create-key.ts'
import { listKeys } from './list-keys.ts'
import { revokeKey } from './revoke-key.ts'

const tags = ['API keys']

export const keyRoutes = createRouter()

keyRoutes.openapi(
  defineRoute({
    method: 'get',
    path: '/v1/tenants/{tenant}/keys',
    permission: 'key.list',
    tags,
    summary: 'List API keys',
    request: { params: tenantParam, query: pageQuery },
    responses: { 200: jsonAnswer(pageOf(keySchema), 'Keys, newest first, revoked ones too') },
  }),
  async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const [after] = cursor === undefined ? [] : decodeCursor(cursor, z.tuple([z.string()]))
    const page = await listKeys(c.var.deps, tenantOf(c).id, limit, after)
    return c.json({ data: page.data.map(toKeyJson), next_cursor: page.next_cursor }, 200)
  },
)

keyRoutes.openapi(
  defineRoute({
    method: 'post',
    path: '/v1/tenants/{tenant}/keys',
    permission: 'key.create',
    tags,
    summary: 'Create an API key',
    request: { params: tenantParam, body: jsonBody(createBody) },
    responses: { 201: jsonAnswer(createdSchema, 'The key, shown this once') },
  }),
  async (c) => {
    const { row, key } = unwrap(await createKey(c.var.deps, tenantOf(c), c.req.valid('json')))
    return c.json({ ...toKeyJson(row), key }, 201)
  },
)

keyRoutes.openapi(
  defineRoute({
    method: 'delete',
    path: '/v1/tenants/{tenant}/keys/{key}',
    permission: 'key.revoke',
    tags,
    summary: 'Revoke an API key',
    description: 'It stops working within 2 seconds everywhere.',
    request: { params: keyParam },
    responses: { 204: { description: 'Revoked' } },
  }),
  async (c) => {
    const { tenant, key } = c.req.valid('param')
    unwrap(await revokeKey(c.var.deps, tenant, key))
    return c.body(null, 204)
  },
)
