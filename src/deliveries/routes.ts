import { z } from '@hono/zod-openapi'
import { DELIVERY_STATES, type DeliveryState } from '../../durable-objects/endpoint/rpc.ts'
import { tenantAccess, tenantOf } from '../http/authorize.ts'
import { unwrap } from '../http/context.ts'
import { decodeCursor, encodeCursor, pageOf, pageQuery, placeCursor } from '../http/paging.ts'
import { defineRoute, jsonAnswer, tenantParam } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { timeInput } from '../http/time.ts'
import { isRevealed, revealQuery } from '../redaction/reveal.ts'
import { attemptSchema, deliveryDetail, deliverySchema, toDeliveryJson, toDetailJson } from './contract.ts'
import { cancelDelivery, getDelivery, retryDelivery } from './delivery.ts'
import { listOfEndpoint, listOfTenant } from './list-deliveries.ts'

const deliveryParam = tenantParam.extend({
  delivery: z.string().openapi({ example: 'msg_01JD9Z6Q3V8M4T2K7N5B1C0XYE.ep_01JD9Z6Q3V8M4T2K7N5B1C0XYE' }),
})

const isStates = (names: string[]): names is DeliveryState[] =>
  names.every((name) => (DELIVERY_STATES as readonly string[]).includes(name))

const listQuery = pageQuery.extend({
  endpoint_id: z
    .string()
    .optional()
    .openapi({ description: 'Only this endpoint; the list is then exact, not seconds behind' }),
  state: z
    .string()
    .transform((text) => text.split(','))
    .refine(isStates, `must be some of ${DELIVERY_STATES.join(', ')}, separated by commas`)
    .optional()
    .openapi({ type: 'string', example: 'waiting,parked', description: 'States, separated by commas' }),
  event_type: z.string().max(128).optional(),
  since: timeInput.optional(),
  until: timeInput.optional(),
})

const tags = ['Deliveries']
const one = '/v1/tenants/{tenant}/deliveries/{delivery}'

export const deliveryRoutes = createRouter()

deliveryRoutes.openapi(
  defineRoute({
    method: 'get',
    path: '/v1/tenants/{tenant}/deliveries',
    permission: 'delivery.read',
    tags,
    summary: 'List deliveries',
    request: { params: tenantParam, query: listQuery },
    responses: {
      200: jsonAnswer(pageOf(deliverySchema), 'Deliveries, newest first; a page may be short before the last'),
    },
  }),
  async (c) => {
    const { endpoint_id, state, cursor, limit, event_type, since, until } = c.req.valid('query')
    const tenant_id = tenantOf(c).id
    if (endpoint_id === undefined) {
      const after = cursor === undefined ? null : decodeCursor(cursor, z.tuple([z.number(), z.string(), z.string()]))
      const page = await listOfTenant(c.var.deps, tenant_id, { states: state, event_type, since, until, limit, after })
      return c.json({ data: page.data.map(toDeliveryJson), next_cursor: page.next_cursor }, 200)
    }
    const query = {
      limit,
      ...(state !== undefined && { states: state }),
      ...(event_type !== undefined && { event_type }),
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
    }
    const after = cursor === undefined ? null : decodeCursor(cursor, placeCursor)
    const { deliveries, next } = unwrap(
      await listOfEndpoint(c.var.deps, tenantAccess(c), endpoint_id, { query, after }),
    )
    const next_cursor = next === null ? null : encodeCursor([next.position, next.lane])
    return c.json({ data: deliveries.map(toDeliveryJson), next_cursor }, 200)
  },
)

deliveryRoutes.openapi(
  defineRoute({
    method: 'get',
    path: one,
    permission: 'delivery.read',
    tags,
    summary: 'Get a delivery',
    request: { params: deliveryParam, query: revealQuery },
    responses: { 200: jsonAnswer(deliveryDetail, 'The delivery with its attempts') },
  }),
  async (c) => {
    const { delivery: id } = c.req.valid('param')
    const is_revealed = await isRevealed(c, c.req.valid('query'), id)
    const detail = unwrap(await getDelivery(c.var.deps, tenantAccess(c), id, is_revealed))
    return c.json(toDetailJson(detail), 200)
  },
)

deliveryRoutes.openapi(
  defineRoute({
    method: 'get',
    path: `${one}/attempts`,
    permission: 'delivery.read',
    tags,
    summary: 'List the attempts of a delivery',
    request: { params: deliveryParam, query: revealQuery },
    responses: { 200: jsonAnswer(z.object({ data: z.array(attemptSchema) }), 'Attempts, oldest first; the last 50') },
  }),
  async (c) => {
    const { delivery: id } = c.req.valid('param')
    const is_revealed = await isRevealed(c, c.req.valid('query'), id)
    const detail = unwrap(await getDelivery(c.var.deps, tenantAccess(c), id, is_revealed))
    return c.json({ data: toDetailJson(detail).attempt_log }, 200)
  },
)

deliveryRoutes.openapi(
  defineRoute({
    method: 'post',
    path: `${one}/retry`,
    permission: 'delivery.control',
    tags,
    summary: 'Retry a delivery now',
    description:
      'A waiting one at once; a finished one starts again with all its retries. An open breaker still holds it.',
    request: { params: deliveryParam },
    responses: { 202: jsonAnswer(deliverySchema, 'The delivery as it is now') },
  }),
  async (c) => {
    const { delivery: id } = c.req.valid('param')
    return c.json(toDeliveryJson(unwrap(await retryDelivery(c.var.deps, tenantAccess(c), id))), 202)
  },
)

deliveryRoutes.openapi(
  defineRoute({
    method: 'post',
    path: `${one}/cancel`,
    permission: 'delivery.control',
    tags,
    summary: 'Cancel a delivery',
    request: { params: deliveryParam },
    responses: { 200: jsonAnswer(deliverySchema, 'The delivery as it is now') },
  }),
  async (c) => {
    const { delivery: id } = c.req.valid('param')
    return c.json(toDeliveryJson(unwrap(await cancelDelivery(c.var.deps, tenantAccess(c), id))), 200)
  },
)
