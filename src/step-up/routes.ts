import { tenantOf } from '../http/authorize.ts'
import { unwrap } from '../http/context.ts'
import { jsonBody } from '../http/json-body.ts'
import { defineRoute, jsonAnswer, tenantParam } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { policyBody, policySchema, toPolicyJson } from './contract.ts'
import { changeOwnPolicy } from './policy.ts'

const tags = ['One-time codes']
const path = '/v1/tenants/{tenant}/step-up'

export const stepUpRoutes = createRouter()

stepUpRoutes.openapi(
  defineRoute({
    method: 'get',
    path,
    permission: 'step_up.read',
    tags,
    summary: 'Get when one-time codes are asked for',
    request: { params: tenantParam },
    responses: { 200: jsonAnswer(policySchema, 'What the tenant and the operator demand') },
  }),
  (c) => c.json(toPolicyJson(tenantOf(c)), 200),
)

stepUpRoutes.openapi(
  defineRoute({
    method: 'patch',
    path,
    permission: 'step_up.update',
    step_up: 'always',
    tags,
    summary: 'Change when one-time codes are asked for',
    description:
      'What the tenant’s admins demand, within 2 seconds everywhere. An admin who demands it must be enrolled.',
    request: { params: tenantParam, body: jsonBody(policyBody) },
    responses: { 200: jsonAnswer(policySchema, 'As it is now') },
  }),
  async (c) => {
    const { own } = c.req.valid('json')
    return c.json(
      toPolicyJson(unwrap(await changeOwnPolicy(c.var.deps, tenantOf(c).id, own, c.var.access.principal))),
      200,
    )
  },
)
