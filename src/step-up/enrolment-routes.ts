import { type AppContext, unwrap } from '../http/context.ts'
import { jsonBody } from '../http/json-body.ts'
import { defineRoute, jsonAnswer } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { codeOf } from '../http/step-up.ts'
import { keyParam, operatorKeyParam } from '../keys/contract.ts'
import { confirmEnrolment } from './confirm-enrolment.ts'
import { confirmBody, enrolmentSchema, removeQuery, stateSchema, toStateJson } from './contract.ts'
import { enrol } from './enrol.ts'
import { readEnrolment } from './read-enrolment.ts'
import { removeEnrolment } from './remove-enrolment.ts'

const tags = ['One-time codes']

/** The same routes twice: for the keys of a tenant, and for those of operators. */
export const enrolmentRoutes = createRouter()

addRoutes({
  path: '/v1/tenants/{tenant}/keys/{key}/totp',
  params: keyParam,
  permissions: { read: 'key.totp.read', enrol: 'key.totp.enrol', remove: 'key.totp.remove' },
  whose: 'an API key',
  who_reads: { description: 'For the key itself, and for those who may get the key.' },
  itself: 'the key itself',
  who_overrides: 'an operator',
})
addRoutes({
  path: '/v1/keys/{key}/totp',
  params: operatorKeyParam,
  permissions: {
    read: 'operator_key.totp.read',
    enrol: 'operator_key.totp.enrol',
    remove: 'operator_key.totp.remove',
  },
  whose: 'an operator key',
  who_reads: {},
  itself: 'the key itself (`key_settings` is the one of POSTERN_OPERATOR_KEY)',
  who_overrides: 'another operator',
})

interface Scope {
  path: '/v1/tenants/{tenant}/keys/{key}/totp' | '/v1/keys/{key}/totp'
  params: typeof keyParam | typeof operatorKeyParam
  permissions: {
    read: 'key.totp.read' | 'operator_key.totp.read'
    enrol: 'key.totp.enrol' | 'operator_key.totp.enrol'
    remove: 'key.totp.remove' | 'operator_key.totp.remove'
  }
  whose: string
  who_reads: { description?: string }
  /** Who enrols it. */
  itself: string
  /** Who may remove it without a code. */
  who_overrides: string
}

/** Operator keys belong to no tenant. */
function holderOf(c: AppContext, key_id: string) {
  return { tenant_id: c.var.access.tenant?.id ?? null, key_id }
}

function addRoutes({ path, params, permissions, whose, who_reads, itself, who_overrides }: Scope): void {
  enrolmentRoutes.openapi(
    defineRoute({
      method: 'get',
      path,
      permission: permissions.read,
      tags,
      summary: `Get whether ${whose} is enrolled`,
      ...who_reads,
      request: { params },
      responses: { 200: jsonAnswer(stateSchema, 'Its state, without the secret') },
    }),
    async (c) => {
      const holder = holderOf(c, c.req.valid('param').key)
      const row = unwrap(await readEnrolment(c.var.deps, holder, c.var.access.principal))
      return c.json(toStateJson(row, c.var.deps.now()), 200)
    },
  )

  enrolmentRoutes.openapi(
    defineRoute({
      method: 'post',
      path,
      permission: permissions.enrol,
      tags,
      summary: `Begin to enrol ${whose}`,
      description: `By ${itself}. It takes effect when it is confirmed; until then it may be begun anew.`,
      request: { params },
      responses: { 201: jsonAnswer(enrolmentSchema, 'The secret, shown this once') },
    }),
    async (c) => {
      const holder = holderOf(c, c.req.valid('param').key)
      return c.json(unwrap(await enrol(c.var.deps, holder, c.var.access.principal)), 201)
    },
  )

  enrolmentRoutes.openapi(
    defineRoute({
      method: 'post',
      path: `${path}/confirm`,
      permission: permissions.enrol,
      tags,
      summary: `Confirm the enrolment of ${whose}`,
      description: 'By the key itself, with a current code: from then on sensitive operations ask it for one.',
      request: { params, body: jsonBody(confirmBody) },
      responses: { 204: { description: 'Enrolled' } },
    }),
    async (c) => {
      const holder = holderOf(c, c.req.valid('param').key)
      unwrap(await confirmEnrolment(c.var.deps, holder, c.var.access.principal, c.req.valid('json').code))
      return c.body(null, 204)
    },
  )

  enrolmentRoutes.openapi(
    defineRoute({
      method: 'delete',
      path,
      permission: permissions.remove,
      step_up: 'conditional',
      tags,
      summary: `Remove the enrolment of ${whose}`,
      description: `By the key itself, with a code of it; or by ${who_overrides}, who says why.`,
      request: { params, query: removeQuery },
      responses: { 204: { description: 'Removed' } },
    }),
    async (c) => {
      const holder = holderOf(c, c.req.valid('param').key)
      const proof = { code: codeOf(c), reason: c.req.valid('query').reason }
      unwrap(await removeEnrolment(c.var.deps, holder, c.var.access.principal, proof))
      return c.body(null, 204)
    },
  )
}
