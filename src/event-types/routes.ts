import { z } from '@hono/zod-openapi'
import { tenantOf } from '../http/authorize.ts'
import { unwrap } from '../http/context.ts'
import { jsonBody } from '../http/json-body.ts'
import { decodeCursor, pageOf, pageQuery } from '../http/paging.ts'
import { defineRoute, jsonAnswer, tenantParam } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { toTime } from '../http/time.ts'
import { canReveal } from '../redaction/reveal.ts'
import {
  createBody,
  eventTypeDetail,
  eventTypeSchema,
  fromJson,
  nameParam,
  patchBody,
  schemaVersion,
  toDetailJson,
  toEventTypeJson,
  versionParam,
} from './contract.ts'
import { createEventType } from './create-event-type.ts'
import { deleteEventType, deleteSchemaVersion, getEventType, getSchemaVersion, listEventTypes } from './event-types.ts'
import { updateEventType } from './update-event-type.ts'

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
    description:
      'A catalogue for your customers. Publishing does not need a type to be in it, unless the tenant refuses ' +
      'unknown types; with a `schema`, `data` has to fit.',
    request: { params: tenantParam, body: jsonBody(createBody) },
    responses: { 201: jsonAnswer(eventTypeDetail, 'The event type') },
  }),
  async (c) => {
    const type = unwrap(await createEventType(c.var.deps, tenantOf(c), c.req.valid('json')))
    return c.json(toDetailJson(type), 201)
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
    responses: { 200: jsonAnswer(eventTypeDetail, 'The event type') },
  }),
  async (c) => {
    const { tenant, name } = c.req.valid('param')
    return c.json(toDetailJson(unwrap(await getEventType(c.var.deps, tenant, name))), 200)
  },
)

eventTypeRoutes.openapi(
  defineRoute({
    method: 'patch',
    path: '/v1/tenants/{tenant}/event-types/{name}',
    permission: 'event_type.write',
    tags,
    summary: 'Change an event type',
    description:
      'Changes what is named. Another `schema` becomes the next version; those before may still be named. ' +
      'To take a pointer from `redact` needs `payload.reveal`.',
    request: { params: nameParam, body: jsonBody(patchBody) },
    responses: { 200: jsonAnswer(eventTypeDetail, 'The event type as it is now') },
  }),
  async (c) => {
    const { name } = c.req.valid('param')
    const type = unwrap(await updateEventType(c.var.deps, tenantOf(c), name, c.req.valid('json'), canReveal(c)))
    return c.json(toDetailJson(type), 200)
  },
)

eventTypeRoutes.openapi(
  defineRoute({
    method: 'delete',
    path: '/v1/tenants/{tenant}/event-types/{name}',
    permission: 'event_type.write',
    tags,
    summary: 'Delete an event type',
    description: 'One with `redact` only with `payload.reveal`: of what is stored nothing would be redacted any more.',
    request: { params: nameParam },
    responses: { 204: { description: 'Deleted' } },
  }),
  async (c) => {
    const { tenant, name } = c.req.valid('param')
    unwrap(await deleteEventType(c.var.deps, tenant, name, canReveal(c)))
    return c.body(null, 204)
  },
)

eventTypeRoutes.openapi(
  defineRoute({
    method: 'get',
    path: '/v1/tenants/{tenant}/event-types/{name}/schemas/{version}',
    permission: 'event_type.read',
    tags,
    summary: 'Get a version of a schema',
    request: { params: versionParam },
    responses: { 200: jsonAnswer(schemaVersion, 'The schema as it was saved') },
  }),
  async (c) => {
    const { tenant, name, version } = c.req.valid('param')
    const row = unwrap(await getSchemaVersion(c.var.deps, tenant, name, version))
    return c.json({ version, schema: fromJson(row.schema), created_at: toTime(row.created_at) }, 200)
  },
)

eventTypeRoutes.openapi(
  defineRoute({
    method: 'delete',
    path: '/v1/tenants/{tenant}/event-types/{name}/schemas/{version}',
    permission: 'event_type.write',
    tags,
    summary: 'Delete a former version of a schema',
    description: 'Messages that name it are refused from then on. The newest version cannot be deleted.',
    request: { params: versionParam },
    responses: { 204: { description: 'Deleted' } },
  }),
  async (c) => {
    const { tenant, name, version } = c.req.valid('param')
    unwrap(await deleteSchemaVersion(c.var.deps, tenant, name, version))
    return c.body(null, 204)
  },
)
