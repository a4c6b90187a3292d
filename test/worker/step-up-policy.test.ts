/** When codes are demanded: of keys that are enrolled, or of all, by the operator or by the tenant's own admins. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { readSettings } from '../../src/env.ts'
import worker from '../../src/index.ts'
import { type Bearer, bearerOf, operator, stopClock } from './authenticator.ts'
import { createTenant, type Reply, type TenantHandle, useReceivers } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

useReceivers()
let tenant: TenantHandle

beforeEach(async () => {
  tenant = await createTenant()
  stopClock()
  vi.spyOn(console, 'warn').mockImplementation(() => {})
})

afterEach(() => {
  vi.restoreAllMocks()
})

const revealed = async (bearer: Bearer, code?: string): Promise<Reply> =>
  bearer.ask('GET', `${tenant.path}/endpoints/${(await tenant.endpoint()).id}/secret`, code)
const policyOf = async () => (await tenant.call('GET', '/step-up')).body
const change = (bearer: Bearer, own: string, code?: string) =>
  bearer.ask('PATCH', `${tenant.path}/step-up`, code, { body: { own } })

describe('a tenant', () => {
  it('asks of keys that are enrolled, unless somebody demands more', async () => {
    expect((await tenant.call('GET', '')).body.step_up).toBe('enrolled')
    expect(await policyOf()).toEqual({ policy: 'enrolled', own: 'enrolled', operator: 'enrolled' })
    expect((await revealed(await bearerOf(tenant))).status).toBe(200)
  })

  it('may be made with the demand', async () => {
    const strict = await createTenant({ step_up: 'required' })
    const admin = await bearerOf(strict)
    expectProblem(
      await admin.ask('POST', `${strict.path}/keys`, undefined, { body: { name: 'x', role: 'admin' } }),
      403,
      'totp_enrolment_required',
    )
  })

  it.each([
    ['created', 'POST', '/v1/tenants', { id: 'a', name: 'a', step_up: 'never' }, 'step_up'],
    ['changed', 'PATCH', '', { step_up: true }, 'step_up'],
    ['told', 'PATCH', '/step-up', { own: 'never' }, 'own'],
    ['told nothing', 'PATCH', '/step-up', {}, 'own'],
    ['told what is the operator’s', 'PATCH', '/step-up', { own: 'required', operator: 'enrolled' }, ''],
  ])('is not %s to demand something else', async (_what, method, path, body, member) => {
    const reply = await (path.startsWith('/v1')
      ? (await operator()).ask(method, path, undefined, { body })
      : tenant.call(method, path, { body }))
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
  })
})

describe('demanded by the operator', () => {
  beforeEach(async () => {
    await tenant.call('PATCH', '', { body: { step_up: 'required' } })
  })

  it('a code is needed by every key, which has to enrol first, and is told where', async () => {
    const admin = await bearerOf(tenant)
    const refused = await revealed(admin)
    expectProblem(refused, 403, 'totp_enrolment_required')
    expect(refused.body.detail).toContain(`POST ${admin.path}/totp`)
    await admin.begin()
    expectProblem(await revealed(admin, admin.code()), 403, 'totp_enrolment_required')
    await admin.enrol()
    expectProblem(await revealed(admin), 403, 'totp_required')
    expect((await revealed(admin, admin.code())).status).toBe(200)
  })

  it('nothing else changes: keys that are not enrolled publish, and look', async () => {
    const [publisher, viewer] = [
      await bearerOf(tenant, { role: 'publisher' }),
      await bearerOf(tenant, { role: 'viewer' }),
    ]
    const body = { type: 'invoice.paid', data: 1 }
    expect((await publisher.ask('POST', `${tenant.path}/messages`, undefined, { body })).status).toBe(202)
    expect((await viewer.ask('GET', `${tenant.path}/endpoints`)).status).toBe(200)
  })

  it('an operator is not asked: they go by the deployment’s setting', async () => {
    expect((await revealed(await operator())).status).toBe(200)
  })

  it('the tenant’s admins cannot take it back', async () => {
    const admin = await (await bearerOf(tenant)).enrol()
    expect((await change(admin, 'enrolled', admin.code())).body).toEqual({
      policy: 'required',
      own: 'enrolled',
      operator: 'required',
    })
    expectProblem(await revealed(await bearerOf(tenant)), 403, 'totp_enrolment_required')
    expectProblem(
      await admin.ask('PATCH', tenant.path, admin.nextCode(), { body: { step_up: 'enrolled' } }),
      403,
      'forbidden',
    )
  })

  it('it ends when the operator takes it back', async () => {
    await tenant.call('PATCH', '', { body: { step_up: 'enrolled' } })
    expect((await revealed(await bearerOf(tenant))).status).toBe(200)
  })
})

describe('demanded by an admin', () => {
  it('needs an admin who is enrolled: else they could not take it back', async () => {
    const admin = await bearerOf(tenant)
    expectProblem(await change(admin, 'required'), 403, 'totp_enrolment_required')
    await admin.begin()
    expectProblem(await change(admin, 'required'), 403, 'totp_enrolment_required')
    expect(await policyOf()).toMatchObject({ own: 'enrolled' })
  })

  it('a code is needed by every key of the tenant, until an admin takes it back with one', async () => {
    const [admin, developer] = [await (await bearerOf(tenant)).enrol(), await bearerOf(tenant, { role: 'developer' })]
    expectProblem(await change(admin, 'required'), 403, 'totp_required')
    expect((await change(admin, 'required', admin.code())).body).toEqual({
      policy: 'required',
      own: 'required',
      operator: 'enrolled',
    })
    expect(await policyOf()).toMatchObject({ policy: 'required' })
    const [entry] = (await tenant.call('GET', '/audit-log?action=step_up.update')).body.data
    expect(entry).toMatchObject({
      actor: { key_id: admin.id },
      before: { own: 'enrolled' },
      after: { own: 'required' },
    })
    expectProblem(await revealed(developer), 403, 'totp_enrolment_required')
    expectProblem(await change(admin, 'enrolled'), 403, 'totp_required')
    expect((await change(admin, 'enrolled', admin.nextCode())).body.policy).toBe('enrolled')
    expect((await revealed(developer)).status).toBe(200)
  })

  it('the operator sees it, and can take it back for whoever has shut themselves out', async () => {
    const admin = await (await bearerOf(tenant)).enrol()
    await change(admin, 'required', admin.code())
    expect((await tenant.call('PATCH', '/step-up', { body: { own: 'enrolled' } })).body.policy).toBe('enrolled')
  })

  it('a key that made the demand and lost its authenticator enrols anew after an operator’s override', async () => {
    const admin = await (await bearerOf(tenant)).enrol()
    await change(admin, 'required', admin.code())
    await tenant.call('DELETE', `/keys/${admin.id}/totp?reason=lost`)
    expectProblem(await revealed(admin), 403, 'totp_enrolment_required')
    await admin.enrol()
    expect((await revealed(admin, admin.code())).status).toBe(200)
  })

  it('is no developer’s business, who may see it', async () => {
    const developer = await (await bearerOf(tenant, { role: 'developer' })).enrol()
    expect((await developer.ask('GET', `${tenant.path}/step-up`)).status).toBe(200)
    expectProblem(await change(developer, 'required', developer.code()), 403, 'forbidden')
  })
})

describe('demanded of operators by the deployment (OPERATOR_STEP_UP=required)', () => {
  const strict = { ...env, OPERATOR_STEP_UP: 'required' }

  async function ask(bearer: Bearer, method: string, path: string, code?: string): Promise<Response> {
    const headers = { authorization: `Bearer ${bearer.key}`, ...(code !== undefined && { 'postern-totp': code }) }
    const context = createExecutionContext()
    const response = await worker.fetch(
      new Request(`https://postern.test${path}`, { method, headers }),
      strict,
      context,
    )
    await waitOnExecutionContext(context)
    return response
  }

  it('an operator has to enrol before anything sensitive', async () => {
    const ada = await operator()
    const refused = await ask(ada, 'DELETE', tenant.path)
    expect([refused.status, await refused.json()]).toMatchObject([
      403,
      { code: 'totp_enrolment_required', detail: expect.stringContaining(`POST ${ada.path}/totp`) },
    ])
    expect((await ask(ada, 'GET', '/v1/tenants')).status).toBe(200)
    await ada.enrol()
    expect((await ask(ada, 'DELETE', tenant.path)).status).toBe(403)
    expect((await ask(ada, 'DELETE', tenant.path, ada.code())).status).toBe(204)
  })

  it('no operator frees another key before that either', async () => {
    const [ada, bearer] = [await operator(), await (await bearerOf(tenant)).enrol()]
    const refused = await ask(ada, 'DELETE', `${bearer.path}/totp?reason=lost`)
    expect(await refused.json()).toMatchObject({ code: 'totp_enrolment_required' })
  })

  it('asks nothing more of the keys of tenants', async () => {
    const admin = await bearerOf(tenant)
    const { id } = await tenant.endpoint()
    expect((await ask(admin, 'GET', `${tenant.path}/endpoints/${id}/secret`)).status).toBe(200)
  })

  it('is a setting that is either or nothing', () => {
    expect(readSettings({ ...env }).operator_step_up).toBe('enrolled')
    expect(() => readSettings({ ...env, OPERATOR_STEP_UP: 'yes' })).toThrow('OPERATOR_STEP_UP')
  })
})

describe('the price', () => {
  /** Statements about enrolments that these requests make. */
  async function statements(ask: () => Promise<unknown>): Promise<number> {
    const prepared = vi.spyOn(env.DB, 'prepare')
    await ask()
    const count = prepared.mock.calls.filter(([sql]) => sql.includes('totp_enrolments')).length
    prepared.mockRestore()
    return count
  }

  it('of what is not sensitive is nothing, and of what is: one statement, or two with a code', async () => {
    const [plain, admin] = [await bearerOf(tenant), await (await bearerOf(tenant)).enrol()]
    const path = `${tenant.path}/endpoints/${(await tenant.endpoint()).id}`
    const body = { type: 'invoice.paid', data: 1 }
    expect(await statements(() => admin.ask('POST', `${tenant.path}/messages`, undefined, { body }))).toBe(0)
    expect(await statements(() => admin.ask('GET', path))).toBe(0)
    expect(await statements(() => plain.ask('GET', `${path}/secret`))).toBe(1)
    expect(await statements(() => admin.ask('GET', `${path}/secret`))).toBe(1)
    expect(await statements(() => admin.ask('GET', `${path}/secret`, admin.code()))).toBe(2)
    expect(await statements(() => admin.ask('GET', `${path}/secret`, admin.wrongCode()))).toBe(2)
  })
})
