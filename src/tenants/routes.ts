import { z } from '@hono/zod-openapi'
import { tenantOf } from '../http/authorize.ts'
import { unwrap } from '../http/context.ts'
import { jsonBody } from '../http/json-body.ts'
import { decodeCursor, pageOf, pageQuery } from '../http/paging.ts'
import { defineRoute, jsonAnswer, tenantParam } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { time, toTime } from '../http/time.ts'
import { createTenant } from './create-tenant.ts'
import { deleteTenant } from './delete-tenant.ts'
import { resolveLimits } from './limits.ts'
import { listTenants } from './list-tenants.ts'
import { type TenantRow, updateTenant } from './update-tenant.ts'

const limits = z
  .strictObject({
    endpoints: z.int().min(0).max(10_000).optional().openapi({ description: 'Endpoints (default 100)' }),
    event_types: z.int().min(0).max(100_000).optional().openapi({ description: 'Event types (default 1,000)' }),
    keys: z.int().min(1).max(10_000).optional().openapi({ description: 'API keys that are not revoked (default 100)' }),
    payload_bytes: z
      .int()
      .min(1024)
      .max(1024 * 1024)
      .optional()
      .openapi({ description: 'Size of a payload (default 262,144)' }),
    unfinished_per_endpoint: z
      .int()
      .min(1)
      .max(10_000_000)
      .optional()
      .openapi({ description: 'Deliveries an endpoint may hold unfinished (default 1,000,000)' }),
  })
  .openapi('TenantLimits')

const tenantSchema = z
  .object({
    id: z.string().openapi({ example: 'acme' }),
    name: z.string().openapi({ example: 'Acme Corp.' }),
    limits: limits.required(),
    disable_after_days: z.int().openapi({ description: 'Failing this long without one success disables an endpoint' }),
    retention_days: z.int().openapi({ description: 'How long finished deliveries, and the ids seen, are kept' }),
    created_at: time,
    updated_at: time,
  })
  .openapi('Tenant')

const settable = {
  name: z.string().trim().min(1).max(200),
  limits,
  disable_after_days: z.int().min(1).max(30),
  retention_days: z.int().min(1).max(365),
}

const createBody = z
  .strictObject({
    id: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/, 'must be a slug: lower-case letters, digits and inner hyphens')
      .openapi({ example: 'acme', description: 'A slug of your choice; it cannot be changed' }),
    name: settable.name.openapi({ example: 'Acme Corp.' }),
    limits: limits.default({}),
    disable_after_days: settable.disable_after_days.default(5),
    retention_days: settable.retention_days.default(30),
  })
  .openapi('CreateTenant')

const patchBody = z.strictObject(settable).partial().openapi('UpdateTenant')

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
    return c.json({ data: page.data.map(toTenantView), next_cursor: page.next_cursor }, 200)
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
    return c.json(toTenantView(tenant), 201)
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
  (c) => c.json(toTenantView(tenantOf(c)), 200),
)

tenantRoutes.openapi(
  defineRoute({
    method: 'patch',
    path: '/v1/tenants/{tenant}',
    permission: 'tenant.update',
    tags,
    summary: 'Change a tenant',
    description: 'Changes what is named; `limits` replaces all limits that were set before.',
    request: { params: tenantParam, body: jsonBody(patchBody) },
    responses: { 200: jsonAnswer(tenantSchema, 'The tenant as it is now') },
  }),
  async (c) => {
    const tenant = unwrap(await updateTenant(c.var.deps, c.req.valid('param').tenant, c.req.valid('json')))
    return c.json(toTenantView(tenant), 200)
  },
)

tenantRoutes.openapi(
  defineRoute({
    method: 'delete',
    path: '/v1/tenants/{tenant}',
    permission: 'tenant.delete',
    tags,
    summary: 'Delete a tenant',
    description: 'Refused while it has endpoints: delete those first, and with them what they hold.',
    request: { params: tenantParam },
    responses: { 204: { description: 'Deleted' } },
  }),
  async (c) => {
    unwrap(await deleteTenant(c.var.deps, c.req.valid('param').tenant))
    return c.body(null, 204)
  },
)

function toTenantView(row: TenantRow) {
  const { id, name, disable_after_days, retention_days } = row
  return {
    id,
    name,
    limits: resolveLimits(row.limits),
    disable_after_days,
    retention_days,
    created_at: toTime(row.created_at),
    updated_at: toTime(row.updated_at),
  }
}
