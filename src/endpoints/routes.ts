import { z } from '@hono/zod-openapi'
import { formatDeliveryId } from '../deliveries/delivery-id.ts'
import { tenantAccess, tenantOf } from '../http/authorize.ts'
import { type AppContext, unwrap } from '../http/context.ts'
import { jsonBody, optionalJsonBody } from '../http/json-body.ts'
import { decodeCursor, encodeCursor, pageOf, pageQuery, placeCursor } from '../http/paging.ts'
import { isPermitted } from '../http/permissions.ts'
import { defineRoute, jsonAnswer, tenantParam } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { time, toTimeOrNull } from '../http/time.ts'
import { breakerSchema, readBreaker, resetBreaker, toBreakerJson } from './breaker.ts'
import {
  createBody,
  createdSchema,
  enableBody,
  endpointParam,
  endpointSchema,
  patchBody,
  replayBody,
  rotateBody,
  secretSchema,
  testBody,
} from './contract.ts'
import { createEndpoint } from './create-endpoint.ts'
import { deleteEndpoint } from './delete-endpoint.ts'
import { findEndpoint } from './find-endpoint.ts'
import { listEndpoints } from './list-endpoints.ts'
import { replayEndpoint } from './replay-endpoint.ts'
import { revealSecrets, rotateSecret } from './rotate-secret.ts'
import type { EndpointRow } from './settings.ts'
import { showEndpoint } from './show-endpoint.ts'
import { disableEndpoint, enableEndpoint } from './switch-endpoint.ts'
import { testEndpoint } from './test-endpoint.ts'
import { updateEndpoint } from './update-endpoint.ts'

const tags = ['Endpoints']
const path = '/v1/tenants/{tenant}/endpoints'
const one = `${path}/{endpoint}` as const

export const endpointRoutes = createRouter()

endpointRoutes.openapi(
  defineRoute({
    method: 'get',
    path,
    permission: 'endpoint.read',
    tags,
    summary: 'List endpoints',
    request: { params: tenantParam, query: pageQuery },
    responses: { 200: jsonAnswer(pageOf(endpointSchema), 'Endpoints, newest first') },
  }),
  async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const [after] = cursor === undefined ? [] : decodeCursor(cursor, z.tuple([z.string()]))
    const page = await listEndpoints(c.var.deps, tenantOf(c).id, limit, after)
    return c.json({ data: await Promise.all(page.data.map((row) => show(c, row))), next_cursor: page.next_cursor }, 200)
  },
)

endpointRoutes.openapi(
  defineRoute({
    method: 'post',
    path,
    permission: 'endpoint.write',
    tags,
    summary: 'Create an endpoint',
    request: { params: tenantParam, body: jsonBody(createBody) },
    responses: { 201: jsonAnswer(createdSchema, 'The endpoint and its signing secret') },
  }),
  async (c) => {
    const { row, secret } = unwrap(await createEndpoint(c.var.deps, tenantOf(c), c.req.valid('json')))
    const shown = await showEndpoint(c.var.deps, row, true)
    return c.json({ ...shown, secret: secret.secret, public_key: secret.public_key }, 201)
  },
)

endpointRoutes.openapi(
  defineRoute({
    method: 'get',
    path: one,
    permission: 'endpoint.read',
    tags,
    summary: 'Get an endpoint',
    request: { params: endpointParam },
    responses: { 200: jsonAnswer(endpointSchema, 'The endpoint') },
  }),
  async (c) => {
    const { tenant, endpoint } = c.req.valid('param')
    return c.json(await show(c, unwrap(await findEndpoint(c.var.deps, tenant, endpoint))), 200)
  },
)

endpointRoutes.openapi(
  defineRoute({
    method: 'patch',
    path: one,
    permission: 'endpoint.write',
    tags,
    summary: 'Change an endpoint',
    description: 'Changes what is named. Deliveries under way go on with the settings of their next attempt.',
    request: { params: endpointParam, body: jsonBody(patchBody) },
    responses: { 200: jsonAnswer(endpointSchema, 'The endpoint as it is now') },
  }),
  async (c) => {
    const { tenant, endpoint } = c.req.valid('param')
    const row = unwrap(await updateEndpoint(c.var.deps, tenant, endpoint, c.req.valid('json')))
    return c.json(await show(c, row), 200)
  },
)

endpointRoutes.openapi(
  defineRoute({
    method: 'delete',
    path: one,
    permission: 'endpoint.write',
    tags,
    summary: 'Delete an endpoint',
    description: 'With all deliveries that it holds, finished or not.',
    request: { params: endpointParam },
    responses: { 204: { description: 'Deleted' } },
  }),
  async (c) => {
    const { tenant, endpoint } = c.req.valid('param')
    unwrap(await deleteEndpoint(c.var.deps, tenant, endpoint))
    return c.body(null, 204)
  },
)

endpointRoutes.openapi(
  defineRoute({
    method: 'post',
    path: `${one}/enable`,
    permission: 'endpoint.write',
    tags,
    summary: 'Enable an endpoint',
    request: {
      params: endpointParam,
      body: optionalJsonBody(enableBody),
    },
    responses: { 200: jsonAnswer(endpointSchema, 'The endpoint as it is now') },
  }),
  async (c) => {
    const { tenant, endpoint } = c.req.valid('param')
    const { parked } = enableBody.parse(c.req.valid('json'))
    return c.json(await show(c, unwrap(await enableEndpoint(c.var.deps, tenant, endpoint, parked))), 200)
  },
)

endpointRoutes.openapi(
  defineRoute({
    method: 'post',
    path: `${one}/disable`,
    permission: 'endpoint.write',
    tags,
    summary: 'Disable an endpoint',
    description: 'New and unfinished deliveries are parked until it is enabled.',
    request: { params: endpointParam },
    responses: { 200: jsonAnswer(endpointSchema, 'The endpoint as it is now') },
  }),
  async (c) => {
    const { tenant, endpoint } = c.req.valid('param')
    return c.json(await show(c, unwrap(await disableEndpoint(c.var.deps, tenant, endpoint))), 200)
  },
)

endpointRoutes.openapi(
  defineRoute({
    method: 'post',
    path: `${one}/test`,
    permission: 'endpoint.write',
    tags,
    summary: 'Send a test message',
    description: 'To this endpoint alone, whatever it subscribes to.',
    request: {
      params: endpointParam,
      body: optionalJsonBody(testBody),
    },
    responses: { 202: jsonAnswer(z.object({ id: z.string(), message_id: z.string() }), 'Id of the delivery') },
  }),
  async (c) => {
    const { endpoint } = c.req.valid('param')
    const { event_type } = testBody.parse(c.req.valid('json'))
    const delivery = unwrap(await testEndpoint(c.var.deps, tenantOf(c), endpoint, event_type))
    return c.json({ id: formatDeliveryId(delivery), message_id: delivery.message_id }, 202)
  },
)

endpointRoutes.openapi(
  defineRoute({
    method: 'get',
    path: `${one}/secret`,
    permission: 'endpoint.secret.reveal',
    step_up: 'always',
    tags,
    summary: 'Reveal the signing secrets',
    request: { params: endpointParam },
    responses: {
      200: jsonAnswer(
        z.object({ secrets: z.array(secretSchema.extend({ expires_at: time.nullable() })) }),
        'All that sign now, the current one first',
      ),
    },
  }),
  async (c) => {
    const { tenant, endpoint } = c.req.valid('param')
    const secrets = unwrap(await revealSecrets(c.var.deps, tenant, endpoint))
    const shown = secrets.map((secret) => ({ ...secret, expires_at: toTimeOrNull(secret.expires_at) }))
    return c.json({ secrets: shown }, 200)
  },
)

endpointRoutes.openapi(
  defineRoute({
    method: 'post',
    path: `${one}/secret/rotate`,
    permission: 'endpoint.secret.rotate',
    step_up: 'always',
    tags,
    summary: 'Rotate the signing secret',
    description: 'Until the overlap ends, each delivery carries a signature of the new and of the old secret.',
    request: { params: endpointParam, body: optionalJsonBody(rotateBody) },
    responses: { 200: jsonAnswer(secretSchema, 'The new secret') },
  }),
  async (c) => {
    const { tenant, endpoint } = c.req.valid('param')
    const { overlap_s, kind, secret: own } = rotateBody.parse(c.req.valid('json'))
    const secret = unwrap(await rotateSecret(c.var.deps, tenant, endpoint, { overlap_s, kind, own }))
    return c.json(secret, 200)
  },
)

endpointRoutes.openapi(
  defineRoute({
    method: 'post',
    path: `${one}/replay`,
    permission: 'message.replay',
    tags,
    summary: 'Send past messages again',
    request: {
      params: endpointParam,
      body: jsonBody(replayBody),
    },
    responses: {
      202: jsonAnswer(
        z.object({
          count: z.int(),
          next_cursor: z.string().nullable().openapi({ description: 'Go on from here; null when all were started' }),
        }),
        'How many start again: up to 10,000 at once',
      ),
    },
  }),
  async (c) => {
    const { endpoint } = c.req.valid('param')
    const { since, until = c.var.deps.now(), states, cursor: given } = c.req.valid('json')
    const from = given === undefined ? undefined : decodeCursor(given, placeCursor)
    const wanted = { since, until, states, from }
    const { count, next } = unwrap(await replayEndpoint(c.var.deps, tenantAccess(c), endpoint, wanted))
    return c.json({ count, next_cursor: next === null ? null : encodeCursor([next.position, next.lane]) }, 202)
  },
)

endpointRoutes.openapi(
  defineRoute({
    method: 'get',
    path: `${one}/breaker`,
    permission: 'endpoint.read',
    tags,
    summary: 'Get the circuit breaker',
    request: { params: endpointParam },
    responses: { 200: jsonAnswer(breakerSchema, 'The breaker as it stands') },
  }),
  async (c) => {
    const { endpoint } = c.req.valid('param')
    return c.json(toBreakerJson(unwrap(await readBreaker(c.var.deps, tenantAccess(c), endpoint))), 200)
  },
)

endpointRoutes.openapi(
  defineRoute({
    method: 'post',
    path: `${one}/breaker/reset`,
    permission: 'endpoint.write',
    tags,
    summary: 'Close the circuit breaker',
    description:
      'When the receiver is known to be well again: due deliveries start slowly, without waiting for the probe.',
    request: { params: endpointParam },
    responses: { 200: jsonAnswer(breakerSchema, 'The breaker as it stands') },
  }),
  async (c) => {
    const { endpoint } = c.req.valid('param')
    return c.json(toBreakerJson(unwrap(await resetBreaker(c.var.deps, tenantAccess(c), endpoint))), 200)
  },
)

function show(c: AppContext, row: EndpointRow) {
  return showEndpoint(c.var.deps, row, isPermitted(c.var.access.principal, 'endpoint.secret.reveal'))
}
