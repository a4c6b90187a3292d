import { z } from '@hono/zod-openapi'
import { tenantOf } from '../http/authorize.ts'
import { unwrap } from '../http/context.ts'
import { jsonBody, optionalJsonBody } from '../http/json-body.ts'
import { decodeCursor, pageOf, pageQuery } from '../http/paging.ts'
import { isSensitive } from '../http/permissions.ts'
import { defineRoute, jsonAnswer, tenantParam } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { demandStepUp } from '../http/step-up.ts'
import { actorOf } from './actor.ts'
import {
  changesReach,
  confirmQuery,
  createBody,
  createdSchema,
  keyParam,
  keySchema,
  patchBody,
  rotateBody,
  toKeyJson,
} from './contract.ts'
import { createKey } from './create-key.ts'
import { findKey } from './find-key.ts'
import { listKeys } from './list-keys.ts'
import { revokeKey } from './revoke-key.ts'
import { rotateKey } from './rotate-key.ts'
import { updateKey } from './update-key.ts'

const tags = ['API keys']
const all = '/v1/tenants/{tenant}/keys'
const one = `${all}/{key}` as const

export const keyRoutes = createRouter()

keyRoutes.openapi(
  defineRoute({
    method: 'get',
    path: all,
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
    path: all,
    permission: 'key.create',
    step_up: 'conditional',
    tags,
    summary: 'Create an API key',
    description: 'One that could do anything sensitive needs a one-time code.',
    request: { params: tenantParam, body: jsonBody(createBody) },
    responses: { 201: jsonAnswer(createdSchema, 'The key, shown this once') },
  }),
  async (c) => {
    const wanted = c.req.valid('json')
    // Else whoever stole a key that is enrolled would make one that is not.
    if (isSensitive(wanted)) await demandStepUp(c)
    const { row, key } = unwrap(await createKey(c.var.deps, tenantOf(c), wanted, actorOf(c)))
    return c.json({ ...toKeyJson(row), key }, 201)
  },
)

keyRoutes.openapi(
  defineRoute({
    method: 'get',
    path: one,
    permission: 'key.get',
    tags,
    summary: 'Get an API key',
    request: { params: keyParam },
    responses: { 200: jsonAnswer(keySchema, 'The key, without itself') },
  }),
  async (c) => {
    const { tenant, key } = c.req.valid('param')
    return c.json(toKeyJson(unwrap(await findKey(c.var.deps, tenant, key))), 200)
  },
)

keyRoutes.openapi(
  defineRoute({
    method: 'patch',
    path: one,
    permission: 'key.update',
    step_up: 'conditional',
    tags,
    summary: 'Change an API key',
    description:
      'Changes what is named, within 2 seconds everywhere. Its role and its expiry stay. Scopes and addresses need a one-time code.',
    request: { params: keyParam, query: confirmQuery, body: jsonBody(patchBody) },
    responses: { 200: jsonAnswer(keySchema, 'The key as it is now') },
  }),
  async (c) => {
    const { tenant, key } = c.req.valid('param')
    const change = c.req.valid('json')
    if (changesReach(change)) await demandStepUp(c)
    const actor = actorOf(c, c.req.valid('query').confirm)
    return c.json(toKeyJson(unwrap(await updateKey(c.var.deps, tenant, key, change, actor))), 200)
  },
)

keyRoutes.openapi(
  defineRoute({
    method: 'post',
    path: `${one}/rotate`,
    permission: 'key.rotate',
    step_up: 'always',
    tags,
    summary: 'Rotate an API key',
    description:
      'Makes a key of the same role, name, scopes, addresses and expiry. The old one works until the overlap ends.',
    request: { params: keyParam, query: confirmQuery, body: optionalJsonBody(rotateBody) },
    responses: { 201: jsonAnswer(createdSchema, 'The new key, shown this once') },
  }),
  async (c) => {
    const { overlap_s } = rotateBody.parse(c.req.valid('json'))
    const actor = actorOf(c, c.req.valid('query').confirm)
    const { row, key } = unwrap(await rotateKey(c.var.deps, tenantOf(c), c.req.valid('param').key, overlap_s, actor))
    return c.json({ ...toKeyJson(row), key }, 201)
  },
)

keyRoutes.openapi(
  defineRoute({
    method: 'delete',
    path: one,
    permission: 'key.revoke',
    step_up: 'always',
    tags,
    summary: 'Revoke an API key',
    description: 'It stops working within 2 seconds everywhere.',
    request: { params: keyParam, query: confirmQuery },
    responses: { 204: { description: 'Revoked' } },
  }),
  async (c) => {
    const { tenant, key } = c.req.valid('param')
    unwrap(await revokeKey(c.var.deps, tenant, key, actorOf(c, c.req.valid('query').confirm)))
    return c.body(null, 204)
  },
)
