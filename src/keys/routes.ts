import { z } from '@hono/zod-openapi'
import { tenantOf } from '../http/authorize.ts'
import { unwrap } from '../http/context.ts'
import { jsonBody } from '../http/json-body.ts'
import { decodeCursor, pageOf, pageQuery } from '../http/paging.ts'
import { TENANT_ROLES } from '../http/permissions.ts'
import { defineRoute, jsonAnswer, tenantParam } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { time, timeInput, toTime, toTimeOrNull } from '../http/time.ts'
import { createKey } from './create-key.ts'
import { listKeys } from './list-keys.ts'
import { revokeKey } from './revoke-key.ts'
import type { KeyRow } from './table.ts'

const role = z.enum(TENANT_ROLES).openapi({ description: 'What the key may do; docs/api-reference.md has the table' })

const keySchema = z
  .object({
    id: z.string().openapi({ example: 'key_01JD9Z6Q3V8M4T2K7N5B1C0XYE' }),
    name: z.string(),
    role,
    hint: z.string().openapi({ example: 'pst_live_4K7Q…', description: 'How the key begins' }),
    created_at: time,
    expires_at: time.nullable(),
    revoked_at: time.nullable(),
  })
  .openapi('ApiKey')

const createdSchema = keySchema
  .extend({ key: z.string().openapi({ description: 'The key itself, shown this once' }) })
  .openapi('CreatedApiKey')

const createBody = z
  .strictObject({
    name: z.string().trim().min(1).max(200),
    role,
    mode: z
      .enum(['live', 'test'])
      .default('live')
      .openapi({ description: 'Its prefix, so that people can tell keys apart' }),
    expires_at: timeInput.optional(),
  })
  .openapi('CreateApiKey')

const keyParam = tenantParam.extend({ key: z.string() })
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
    return c.json({ data: page.data.map(toKeyView), next_cursor: page.next_cursor }, 200)
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
    return c.json({ ...toKeyView(row), key }, 201)
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

function toKeyView({ id, name, role, hint, created_at, expires_at, revoked_at }: KeyRow) {
  if (role === 'operator') throw new Error('an operator key has no tenant')
  return {
    id,
    name,
    role,
    hint,
    created_at: toTime(created_at),
    expires_at: toTimeOrNull(expires_at),
    revoked_at: toTimeOrNull(revoked_at),
  }
}
