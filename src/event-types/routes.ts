import { z } from '@hono/zod-openapi'
import { tenantOf } from '../http/authorize.ts'
import { unwrap } from '../http/context.ts'
import { jsonBody } from '../http/json-body.ts'
import { decodeCursor, pageOf, pageQuery } from '../http/paging.ts'
import { defineRoute, jsonAnswer, tenantParam } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { createBody, eventTypeSchema, nameParam, patchBody, toEventTypeJson } from './contract.ts'
import { createEventType } from './create-event-type.ts'
import { deleteEventType, getEventType, listEventTypes, updateEventType } from './event-types.ts'

const tags = ['Event types']

export const eventTypeRoutes = createRouter()

eventTypeRoutes.openapi(
  defineRoute({
    method: 'get',
    path: '/v1/tenants/{tenant}/event-types',
    permission: 'event_type.read',
    tags,
    summary: 'List event types',
    request: { params: tenantParam, query: pageQuery },
    responses: { 200: jsonAnswer(pageOf(eventTypeSchema), 'Event types, newest first') },
  }),
  async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const after = cursor === undefined ? null : decodeCursor(cursor, z.tuple([z.number(), z.string()]))
    const page = await listEventTypes(c.var.deps, tenantOf(c).id, limit, after)
    return c.json({ data: page.data.map(toEventTypeJson), next_cursor: page.next_cursor }, 200)
  },
)

eventTypeRoutes.openapi(
  defineRoute({
    method: 'post',
    path: '/v1/tenants/{tenant}/event-types',
    permission: 'event_type.write',
    tags,
    summary: 'Create an event type',
    description: 'A catalogue for your customers; publishing does not need a type to be in it.',
    request: { params: tenantParam, body: jsonBody(createBody) },
    responses: { 201: jsonAnswer(eventTypeSchema, 'The event type') },
  }),
  async (c) => {
    const row = unwrap(await createEventType(c.var.deps, tenantOf(c), c.req.valid('json')))
    return c.json(toEventTypeJson(row), 201)
  },
)

eventTypeRoutes.openapi(
  defineRoute({
    method: 'get',
    path: '/v1/tenants/{tenant}/event-types/{name}',
    permission: 'event_type.read',
    tags,
    summary: 'Get an event type',
    request: { params: nameParam },
    responses: { 200: jsonAnswer(eventTypeSchema, 'The event type') },
  }),
  async (c) => {
    const { tenant, name } = c.req.valid('param')
    return c.json(toEventTypeJson(unwrap(await getEventType(c.var.deps, tenant, name))), 200)
  },
)

eventTypeRoutes.openapi(
  defineRoute({
    method: 'patch',
    path: '/v1/tenants/{tenant}/event-types/{name}',
    permission: 'event_type.write',
    tags,
    summary: 'Change an event type',
    request: { params: nameParam, body: jsonBody(patchBody) },
    responses: { 200: jsonAnswer(eventTypeSchema, 'The event type as it is now') },
  }),
  async (c) => {
    const { tenant, name } = c.req.valid('param')
    const { description } = c.req.valid('json')
    return c.json(toEventTypeJson(unwrap(await updateEventType(c.var.deps, tenant, name, description))), 200)
  },
)

eventTypeRoutes.openapi(
  defineRoute({
    method: 'delete',
    path: '/v1/tenants/{tenant}/event-types/{name}',
    permission: 'event_type.write',
    tags,
    summary: 'Delete an event type',
    request: { params: nameParam },
    responses: { 204: { description: 'Deleted' } },
  }),
  async (c) => {
    const { tenant, name } = c.req.valid('param')
    unwrap(await deleteEventType(c.var.deps, tenant, name))
    return c.body(null, 204)
  },
)
