import { tenantOf } from '../http/authorize.ts'
import { unwrap } from '../http/context.ts'
import { jsonBody } from '../http/json-body.ts'
import { defineRoute, jsonAnswer, tenantParam, UNCACHED } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { codeOf } from '../http/step-up.ts'
import { keyParam } from '../keys/contract.ts'
import { confirmEnrolment } from './confirm-enrolment.ts'
import {
  confirmBody,
  enrolmentSchema,
  policyBody,
  policySchema,
  removeQuery,
  stateSchema,
  toPolicyJson,
  toStateJson,
} from './contract.ts'
import { enrol } from './enrol.ts'
import { changeOwnPolicy } from './policy.ts'
import { readEnrolment } from './read-enrolment.ts'
import { removeEnrolment } from './remove-enrolment.ts'

const tags = ['One-time codes']
const path = '/v1/tenants/{tenant}/keys/{key}/totp'
const policy_path = '/v1/tenants/{tenant}/step-up'

export const stepUpRoutes = createRouter()

stepUpRoutes.openapi(
  defineRoute({
    method: 'get',
    path,
    permission: 'key.totp.read',
    tags,
    summary: 'Get whether an API key is enrolled',
    description: 'For the key itself, and for those who may get the key.',
    request: { params: keyParam },
    responses: { 200: jsonAnswer(stateSchema, 'Its state, without the secret') },
  }),
  async (c) => {
    const { tenant: tenant_id, key: key_id } = c.req.valid('param')
    const row = unwrap(await readEnrolment(c.var.deps, { tenant_id, key_id }, c.var.access.principal))
    return c.json(toStateJson(row, c.var.deps.now()), 200)
  },
)

stepUpRoutes.openapi(
  defineRoute({
    method: 'post',
    path,
    permission: 'key.totp.enrol',
    tags,
    summary: 'Begin to enrol an API key',
    description: 'By the key itself. It takes effect when it is confirmed; until then it may be begun anew.',
    request: { params: keyParam },
    responses: { 201: jsonAnswer(enrolmentSchema, 'The secret, shown this once') },
  }),
  async (c) => {
    const { tenant: tenant_id, key: key_id } = c.req.valid('param')
    return c.json(unwrap(await enrol(c.var.deps, { tenant_id, key_id }, c.var.access.principal)), 201, UNCACHED)
  },
)

stepUpRoutes.openapi(
  defineRoute({
    method: 'post',
    path: `${path}/confirm`,
    permission: 'key.totp.enrol',
    tags,
    summary: 'Confirm the enrolment of an API key',
    description: 'By the key itself, with a current code: from then on sensitive operations ask it for one.',
    request: { params: keyParam, body: jsonBody(confirmBody) },
    responses: { 204: { description: 'Enrolled' } },
  }),
  async (c) => {
    const { tenant: tenant_id, key: key_id } = c.req.valid('param')
    const { code } = c.req.valid('json')
    unwrap(await confirmEnrolment(c.var.deps, { tenant_id, key_id }, c.var.access.principal, code))
    return c.body(null, 204)
  },
)

stepUpRoutes.openapi(
  defineRoute({
    method: 'delete',
    path,
    permission: 'key.totp.remove',
    step_up: 'conditional',
    tags,
    summary: 'Remove the enrolment of an API key',
    description: 'By the key itself, with a code of it; or by an operator, who says why.',
    request: { params: keyParam, query: removeQuery },
    responses: { 204: { description: 'Removed' } },
  }),
  async (c) => {
    const { tenant: tenant_id, key: key_id } = c.req.valid('param')
    const proof = { code: codeOf(c), reason: c.req.valid('query').reason }
    unwrap(await removeEnrolment(c.var.deps, { tenant_id, key_id }, c.var.access.principal, proof))
    return c.body(null, 204)
  },
)

stepUpRoutes.openapi(
  defineRoute({
    method: 'get',
    path: policy_path,
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
    path: policy_path,
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
