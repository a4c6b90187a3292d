import { z } from '@hono/zod-openapi'
import { unwrap } from '../http/context.ts'
import { jsonBody, optionalJsonBody } from '../http/json-body.ts'
import { decodeCursor, pageOf, pageQuery } from '../http/paging.ts'
import { defineRoute, jsonAnswer } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { demandStepUp } from '../http/step-up.ts'
import { actorOf } from './actor.ts'
import {
  changesReach,
  createdOperatorKeySchema,
  createOperatorKeyBody,
  operatorKeyParam,
  operatorKeySchema,
  patchBody,
  rotateBody,
  toOperatorKeyJson,
} from './contract.ts'
import { createKey } from './create-key.ts'
import { findKey } from './find-key.ts'
import { listKeys } from './list-keys.ts'
import { revokeKey } from './revoke-key.ts'
import { rotateKey } from './rotate-key.ts'
import { updateKey } from './update-key.ts'

const tags = ['Operator keys']
const all = '/v1/keys'
const one = `${all}/{key}` as const

export const operatorKeyRoutes = createRouter()

operatorKeyRoutes.openapi(
  defineRoute({
    method: 'get',
    path: all,
    permission: 'operator_key.list',
    tags,
    summary: 'List operator keys',
    request: { query: pageQuery },
    responses: { 200: jsonAnswer(pageOf(operatorKeySchema), 'Keys, newest first, revoked ones too') },
  }),
  async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const [after] = cursor === undefined ? [] : decodeCursor(cursor, z.tuple([z.string()]))
    const page = await listKeys(c.var.deps, null, limit, after)
    return c.json({ data: page.data.map(toOperatorKeyJson), next_cursor: page.next_cursor }, 200)
  },
)

operatorKeyRoutes.openapi(
  defineRoute({
    method: 'post',
    path: all,
    permission: 'operator_key.create',
    step_up: 'always',
    tags,
    summary: 'Create an operator key',
    request: { body: jsonBody(createOperatorKeyBody) },
    responses: { 201: jsonAnswer(createdOperatorKeySchema, 'The key, shown this once') },
  }),
  async (c) => {
    const { row, key } = unwrap(
      await createKey(c.var.deps, null, { ...c.req.valid('json'), role: 'operator' }, actorOf(c)),
    )
    return c.json({ ...toOperatorKeyJson(row), key }, 201)
  },
)

operatorKeyRoutes.openapi(
  defineRoute({
    method: 'get',
    path: one,
    permission: 'operator_key.get',
    tags,
    summary: 'Get an operator key',
    request: { params: operatorKeyParam },
    responses: { 200: jsonAnswer(operatorKeySchema, 'The key, without itself') },
  }),
  async (c) => {
    return c.json(toOperatorKeyJson(unwrap(await findKey(c.var.deps, null, c.req.valid('param').key))), 200)
  },
)

operatorKeyRoutes.openapi(
  defineRoute({
    method: 'patch',
    path: one,
    permission: 'operator_key.update',
    step_up: 'conditional',
    tags,
    summary: 'Change an operator key',
    description:
      'Changes what is named, within 2 seconds everywhere. Its role and its expiry stay. Scopes and addresses need a one-time code.',
    request: { params: operatorKeyParam, body: jsonBody(patchBody) },
    responses: { 200: jsonAnswer(operatorKeySchema, 'The key as it is now') },
  }),
  async (c) => {
    const change = c.req.valid('json')
    if (changesReach(change)) await demandStepUp(c)
    return c.json(
      toOperatorKeyJson(unwrap(await updateKey(c.var.deps, null, c.req.valid('param').key, change, actorOf(c)))),
      200,
    )
  },
)

operatorKeyRoutes.openapi(
  defineRoute({
    method: 'post',
    path: `${one}/rotate`,
    permission: 'operator_key.rotate',
    step_up: 'always',
    tags,
    summary: 'Rotate an operator key',
    description:
      'Makes a key of the same role, name, scopes, addresses and expiry. The old one works until the overlap ends.',
    request: { params: operatorKeyParam, body: optionalJsonBody(rotateBody) },
    responses: { 201: jsonAnswer(createdOperatorKeySchema, 'The new key, shown this once') },
  }),
  async (c) => {
    const { overlap_s } = rotateBody.parse(c.req.valid('json'))
    const { row, key } = unwrap(await rotateKey(c.var.deps, null, c.req.valid('param').key, overlap_s, actorOf(c)))
    return c.json({ ...toOperatorKeyJson(row), key }, 201)
  },
)

operatorKeyRoutes.openapi(
  defineRoute({
    method: 'delete',
    path: one,
    permission: 'operator_key.revoke',
    step_up: 'always',
    tags,
    summary: 'Revoke an operator key',
    description: 'It stops working within 2 seconds everywhere.',
    request: { params: operatorKeyParam },
    responses: { 204: { description: 'Revoked' } },
  }),
  async (c) => {
    unwrap(await revokeKey(c.var.deps, null, c.req.valid('param').key, actorOf(c)))
    return c.body(null, 204)
  },
)
