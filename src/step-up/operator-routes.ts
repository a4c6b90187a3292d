import { unwrap } from '../http/context.ts'
import { jsonBody } from '../http/json-body.ts'
import { defineRoute, jsonAnswer, UNCACHED } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { codeOf } from '../http/step-up.ts'
import { operatorKeyParam } from '../keys/contract.ts'
import { confirmEnrolment } from './confirm-enrolment.ts'
import { confirmBody, enrolmentSchema, removeQuery, stateSchema, toStateJson } from './contract.ts'
import { enrol } from './enrol.ts'
import { readEnrolment } from './read-enrolment.ts'
import { removeEnrolment } from './remove-enrolment.ts'

const tags = ['One-time codes']
const path = '/v1/keys/{key}/totp'

export const operatorStepUpRoutes = createRouter()

/** Operator keys belong to no tenant. */
const holderOf = (key_id: string) => ({ tenant_id: null, key_id })

operatorStepUpRoutes.openapi(
  defineRoute({
    method: 'get',
    path,
    permission: 'operator_key.totp.read',
    tags,
    summary: 'Get whether an operator key is enrolled',
    request: { params: operatorKeyParam },
    responses: { 200: jsonAnswer(stateSchema, 'Its state, without the secret') },
  }),
  async (c) => {
    const holder = holderOf(c.req.valid('param').key)
    const row = unwrap(await readEnrolment(c.var.deps, holder, c.var.access.principal))
    return c.json(toStateJson(row, c.var.deps.now()), 200)
  },
)

operatorStepUpRoutes.openapi(
  defineRoute({
    method: 'post',
    path,
    permission: 'operator_key.totp.enrol',
    tags,
    summary: 'Begin to enrol an operator key',
    description:
      'By the key itself (`key_settings` is the one of POSTERN_OPERATOR_KEY). It takes effect when it is confirmed; ' +
      'until then it may be begun anew.',
    request: { params: operatorKeyParam },
    responses: { 201: jsonAnswer(enrolmentSchema, 'The secret, shown this once') },
  }),
  async (c) => {
    const holder = holderOf(c.req.valid('param').key)
    return c.json(unwrap(await enrol(c.var.deps, holder, c.var.access.principal)), 201, UNCACHED)
  },
)

operatorStepUpRoutes.openapi(
  defineRoute({
    method: 'post',
    path: `${path}/confirm`,
    permission: 'operator_key.totp.enrol',
    tags,
    summary: 'Confirm the enrolment of an operator key',
    description: 'By the key itself, with a current code: from then on sensitive operations ask it for one.',
    request: { params: operatorKeyParam, body: jsonBody(confirmBody) },
    responses: { 204: { description: 'Enrolled' } },
  }),
  async (c) => {
    const holder = holderOf(c.req.valid('param').key)
    unwrap(await confirmEnrolment(c.var.deps, holder, c.var.access.principal, c.req.valid('json').code))
    return c.body(null, 204)
  },
)

operatorStepUpRoutes.openapi(
  defineRoute({
    method: 'delete',
    path,
    permission: 'operator_key.totp.remove',
    step_up: 'conditional',
    tags,
    summary: 'Remove the enrolment of an operator key',
    description: 'By the key itself, with a code of it; or by another operator, who says why.',
    request: { params: operatorKeyParam, query: removeQuery },
    responses: { 204: { description: 'Removed' } },
  }),
  async (c) => {
    const holder = holderOf(c.req.valid('param').key)
    const proof = { code: codeOf(c), reason: c.req.valid('query').reason }
    unwrap(await removeEnrolment(c.var.deps, holder, c.var.access.principal, proof))
    return c.body(null, 204)
  },
)
