import { tenantOf } from '../http/authorize.ts'
import { unwrap } from '../http/context.ts'
import { defineRoute, jsonAnswer, tenantParam } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { toUsageJson, usageQuery, usageSchema } from './contract.ts'
import { getUsage } from './get-usage.ts'

export const quotaRoutes = createRouter()

quotaRoutes.openapi(
  defineRoute({
    method: 'get',
    path: '/v1/tenants/{tenant}/usage',
    permission: 'usage.read',
    tags: ['Tenants'],
    summary: 'Get what was published in a month',
    description: 'Messages are counted while the tenant has a quota, and only then. 36 months are kept.',
    request: { params: tenantParam, query: usageQuery },
    responses: { 200: jsonAnswer(usageSchema, 'What was counted, and what is left') },
  }),
  async (c) => c.json(toUsageJson(unwrap(await getUsage(c.var.deps, tenantOf(c), c.req.valid('query').month))), 200),
)
