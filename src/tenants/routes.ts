import { z } from '@hono/zod-openapi'
import { tenantOf } from '../http/authorize.ts'
import { unwrap } from '../http/context.ts'
import { jsonBody } from '../http/json-body.ts'
import { decodeCursor, pageOf, pageQuery } from '../http/paging.ts'
import { defineRoute, jsonAnswer, tenantParam } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { demandStepUp } from '../http/step-up.ts'
import { createBody, deleteQuery, isSensitiveChange, patchBody, tenantSchema, toTenantJson } from './contract.ts'
import { createTenant } from './create-tenant.ts'
import { deleteTenant } from './delete-tenant.ts'
import { listTenants } from './list-tenants.ts'
import { updateTenant } from './update-tenant.ts'

const tags = ['Tenants']

export const tenantRoutes = createRouter()

tenantRoutes.openapi(
  defineRoute({
    method: 'get',
    path: '/v1/tenants',
    permission: 'tenant.list',
    tags,
    summary: 'List tenants',
    request: { query: pageQuery },
    responses: { 200: jsonAnswer(pageOf(tenantSchema), 'Tenants, newest first') },
  }),
  async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const after = cursor === undefined ? null : decodeCursor(cursor, z.tuple([z.number(), z.string()]))
    const page = await listTenants(c.var.deps, limit, after)
    return c.json({ data: page.data.map(toTenantJson), next_cursor: page.next_cursor }, 200)
  },
)

tenantRoutes.openapi(
  defineRoute({
    method: 'post',
    path: '/v1/tenants',
    permission: 'tenant.create',
    tags,
    summary: 'Create a tenant',
    request: { body: jsonBody(createBody) },
    responses: { 201: jsonAnswer(tenantSchema, 'The tenant') },
  }),
  async (c) => {
    const tenant = unwrap(await createTenant(c.var.deps, c.req.valid('json')))
    return c.json(toTenantJson(tenant), 201)
  },
)

tenantRoutes.openapi(
  defineRoute({
    method: 'get',
    path: '/v1/tenants/{tenant}',
    permission: 'tenant.get',
    tags,
    summary: 'Get a tenant',
    request: { params: tenantParam },
    responses: { 200: jsonAnswer(tenantSchema, 'The tenant') },
  }),
  (c) => c.json(toTenantJson(tenantOf(c)), 200),
)

tenantRoutes.openapi(
  defineRoute({
    method: 'patch',
    path: '/v1/tenants/{tenant}',
    permission: 'tenant.update',
    step_up: 'conditional',
    tags,
    summary: 'Change a tenant',
    description:
      'Changes what is named; `limits` replaces all limits that were set before. `step_up` and both retentions need a one-time code.',
    request: { params: tenantParam, body: jsonBody(patchBody) },
    responses: { 200: jsonAnswer(tenantSchema, 'The tenant as it is now') },
  }),
  async (c) => {
    const change = c.req.valid('json')
    if (isSensitiveChange(change)) await demandStepUp(c)
    const tenant = unwrap(await updateTenant(c.var.deps, c.req.valid('param').tenant, change))
    return c.json(toTenantJson(tenant), 200)
  },
)

tenantRoutes.openapi(
  defineRoute({
    method: 'delete',
    path: '/v1/tenants/{tenant}',
    permission: 'tenant.delete',
    step_up: 'always',
    tags,
    summary: 'Delete a tenant',
    description:
      'From here on everything refuses it. What it had is removed in the background; until then its id cannot be used again. ' +
      'Refused while it has endpoints, unless they are to be deleted with all that they hold.',
    request: { params: tenantParam, query: deleteQuery },
    responses: { 204: { description: 'Deleted' } },
  }),
  async (c) => {
    const with_endpoints = c.req.valid('query').endpoints === 'delete'
    unwrap(await deleteTenant(c.var.deps, c.req.valid('param').tenant, with_endpoints))
    return c.body(null, 204)
  },
)
