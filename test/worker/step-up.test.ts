/** What sensitive operations ask of keys that are enrolled. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SENSITIVE } from '../../src/http/permissions.ts'
import { operationsOf, pathFor, readDocument } from './api-document.ts'
import { type Bearer, bearerOf, operator, stopClock } from './authenticator.ts'
import { createTenant, type Json, type TenantHandle, useReceivers } from './harness.ts'
import { expectProblem } from './problem.ts'

const operations = operationsOf(await readDocument())
const asking = operations.filter(({ contract }) => contract['x-step-up'] !== undefined)
const always = asking.filter(({ contract }) => contract['x-step-up'] === 'always')

useReceivers()
let tenant: TenantHandle

beforeEach(async () => {
  tenant = await createTenant()
  stopClock()
  // Refused codes are logged, and that is shown once, in totp-enrolment.test.ts.
  vi.spyOn(console, 'warn').mockImplementation(() => {})
})

afterEach(() => {
  vi.restoreAllMocks()
})

describe('the document', () => {
  it('says of every operation whether it asks for a code, and no other is sensitive', () => {
    const listed = asking.map(({ method, path, contract }) => `${contract['x-step-up']} ${method} ${path}`)
    expect(listed.toSorted()).toEqual([
      'always DELETE /v1/keys/{key}',
      'always DELETE /v1/tenants/{tenant}',
      'always DELETE /v1/tenants/{tenant}/keys/{key}',
      'always GET /v1/audit-log/export',
      'always GET /v1/tenants/{tenant}/audit-log/export',
      'always GET /v1/tenants/{tenant}/endpoints/{endpoint}/secret',
      'always PATCH /v1/tenants/{tenant}/step-up',
      'always POST /v1/keys',
      'always POST /v1/keys/{key}/rotate',
      'always POST /v1/master-keys/rotation',
      'always POST /v1/tenants/{tenant}/endpoints/{endpoint}/secret/rotate',
      'always POST /v1/tenants/{tenant}/erasures',
      'always POST /v1/tenants/{tenant}/exports',
      'always POST /v1/tenants/{tenant}/keys/{key}/rotate',
      'always POST /v1/tenants/{tenant}/sources/{source}/secret/rotate',
      'conditional DELETE /v1/keys/{key}/totp',
      'conditional DELETE /v1/tenants/{tenant}/keys/{key}/totp',
      'conditional PATCH /v1/keys/{key}',
      'conditional PATCH /v1/tenants/{tenant}',
      'conditional PATCH /v1/tenants/{tenant}/keys/{key}',
      'conditional POST /v1/tenants/{tenant}/dead-letters/redrive',
      'conditional POST /v1/tenants/{tenant}/keys',
    ])
  })

  it('has the header that the code comes in, for those and no other', () => {
    const withHeader = operations.filter(({ contract }) =>
      (contract.parameters ?? []).some(
        (parameter: Json) => parameter.in === 'header' && parameter.name === 'postern-totp',
      ),
    )
    expect(withHeader).toEqual(asking)
  })

  it('shows every sensitive permission at an operation that asks', () => {
    expect([...new Set(asking.map(({ permission }) => permission))].toSorted()).toEqual(SENSITIVE.toSorted())
  })
})

describe('an enrolled operator key', () => {
  it.each(always.map((operation) => [operation.method, operation.path, operation] as const))(
    'is asked for a code by %s %s before anything is looked at, and nothing happens without',
    async (_method, _path, operation) => {
      const ada = await (await operator()).enrol()
      const body = operation.contract.requestBody === undefined ? undefined : { 'no such member': true }
      expectProblem(
        await ada.ask(operation.method, pathFor(operation, tenant.id), undefined, { body }),
        403,
        'totp_required',
      )
      expectProblem(
        await ada.ask(operation.method, pathFor(operation, tenant.id), ada.wrongCode(), { body }),
        403,
        'totp_invalid',
      )
      expect((await tenant.call('GET', '')).status).toBe(200)
    },
  )

  it('is asked for its own code, whichever tenant it acts on and whatever that demands of its keys', async () => {
    const ada = await (await operator()).enrol()
    const admin = await (await bearerOf(tenant)).enrol()
    expectProblem(await ada.ask('DELETE', admin.path, admin.code()), 403, 'totp_invalid')
    expect((await ada.ask('DELETE', admin.path, ada.code())).status).toBe(204)
  })

  it('makes other operator keys with a code only', async () => {
    const ada = await (await operator()).enrol()
    const body = { name: 'Grace', scopes: ['tenant.list'] }
    expectProblem(await ada.ask('POST', '/v1/keys', undefined, { body }), 403, 'totp_required')
    expect((await ada.ask('POST', '/v1/keys', ada.code(), { body })).status).toBe(201)
  })

  it('lowers or raises what is demanded of a tenant with a code only, and changes all else without', async () => {
    const ada = await (await operator()).enrol()
    const patch = (body: Json, code?: string) => ada.ask('PATCH', tenant.path, code, { body })
    expect((await patch({ name: 'Acme' })).status).toBe(200)
    expectProblem(await patch({ name: 'Acme', step_up: 'required' }), 403, 'totp_required')
    expect((await patch({ step_up: 'required' }, ada.code())).body.step_up).toBe('required')
    expectProblem(await patch({ step_up: 'enrolled' }), 403, 'totp_required')
  })

  it.each(['retention_days', 'audit_retention_days'])(
    'lets what is kept go sooner (%s) with a code only',
    async (name) => {
      const ada = await (await operator()).enrol()
      const patch = (code?: string) => ada.ask('PATCH', tenant.path, code, { body: { [name]: 30 } })
      expectProblem(await patch(), 403, 'totp_required')
      expect((await patch(ada.code())).body).toMatchObject({ [name]: 30 })
    },
  )
})

describe('an enrolled admin key', () => {
  let admin: Bearer

  beforeEach(async () => {
    admin = await (await bearerOf(tenant)).enrol()
  })

  it('reveals and rotates a signing secret with a code only', async () => {
    const { id, secret } = await tenant.endpoint()
    const path = `${tenant.path}/endpoints/${id}/secret`
    expectProblem(await admin.ask('GET', path), 403, 'totp_required')
    expectProblem(await admin.ask('POST', `${path}/rotate`), 403, 'totp_required')
    expect((await admin.ask('GET', path, admin.code())).body.secrets[0].secret).toBe(secret)
    expect((await admin.ask('POST', `${path}/rotate`, admin.nextCode())).status).toBe(200)
  })

  it('rotates and revokes keys with a code only', async () => {
    const viewer = await bearerOf(tenant, { role: 'viewer' })
    expectProblem(await admin.ask('POST', `${viewer.path}/rotate`), 403, 'totp_required')
    expectProblem(await admin.ask('DELETE', viewer.path), 403, 'totp_required')
    expect((await admin.ask('POST', `${viewer.path}/rotate`, admin.code())).status).toBe(201)
    expect((await admin.ask('DELETE', viewer.path, admin.nextCode())).status).toBe(204)
  })

  it.each([
    ['admin', undefined, true],
    ['developer', undefined, true],
    ['auditor', undefined, true],
    ['publisher', undefined, false],
    ['viewer', undefined, false],
    ['developer', ['endpoint.secret.reveal'], true],
    ['admin', ['dead_letter.redrive'], true],
    ['developer', ['message.publish', 'endpoint.write'], false],
  ])('makes a key of the role %s with the scopes %s, asked for a code: %s', async (role, scopes, is_asked) => {
    const body = { name: 'x', role, ...(scopes && { scopes }) }
    const reply = await admin.ask('POST', `${tenant.path}/keys`, undefined, { body })
    if (!is_asked) return expect(reply.status).toBe(201)
    expectProblem(reply, 403, 'totp_required')
    expect((await admin.ask('POST', `${tenant.path}/keys`, admin.code(), { body })).status).toBe(201)
  })

  it.each([
    ['its name', { name: 'billing' }, false],
    ['nothing', {}, false],
    ['its scopes', { scopes: ['message.read'] }, true],
    ['its scopes to all of its role', { scopes: null }, true],
    ['its addresses', { ip_allowlist: ['203.0.113.0/24'] }, true],
    ['its name and its addresses', { name: 'x', ip_allowlist: null }, true],
  ])('changes of a key %s, asked for a code if that is of what it may do', async (_what, body, is_asked) => {
    const { path } = await bearerOf(tenant, { role: 'developer' })
    const reply = await admin.ask('PATCH', path, undefined, { body })
    if (!is_asked) return expect(reply.status).toBe(200)
    expectProblem(reply, 403, 'totp_required')
    expect((await admin.ask('PATCH', path, admin.code(), { body })).status).toBe(200)
  })

  it('does everything else without, whatever the header says', async () => {
    await tenant.endpoint()
    for (const code of [undefined, 'nonsense', admin.wrongCode()]) {
      expect((await admin.ask('GET', `${tenant.path}/endpoints`, code)).status).toBe(200)
      const body = { type: 'invoice.paid', data: 1 }
      expect((await admin.ask('POST', `${tenant.path}/messages`, code, { body })).status).toBe(202)
    }
    expect(await admin.state()).toMatchObject({ state: 'enrolled', locked_until: null })
  })

  it('is not asked once it has been removed from its authenticator', async () => {
    expect((await admin.ask('DELETE', `${admin.path}/totp`, admin.code())).status).toBe(204)
    const { id } = await tenant.endpoint()
    expect((await admin.ask('GET', `${tenant.path}/endpoints/${id}/secret`)).status).toBe(200)
  })
})

describe('a redrive', () => {
  /** Dead letters of an endpoint that is gone: what becomes of them is of no consequence here. */
  async function bury(count: number): Promise<void> {
    await env.DB.prepare(`INSERT INTO dead_letters (tenant_id, id, cause, endpoint_id, message_id, event_type, died_at)
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
      SELECT ?1, 'msg_' || i || '.ep_gone', 'exhausted', 'ep_gone', 'msg_' || i, iif(i = 1, 'rare', 'common'), i FROM n`)
      .bind(tenant.id, count)
      .run()
  }
  const redrive = (bearer: Bearer, code?: string, body: Json = {}) =>
    bearer.ask('POST', `${tenant.path}/dead-letters/redrive`, code, { body })

  it('of a thousand asks for no code', async () => {
    await bury(1000)
    const developer = await (await bearerOf(tenant, { role: 'developer' })).enrol()
    expect((await redrive(developer)).body).toEqual({
      count: 0,
      missing: 1000,
      erased: 0,
      has_more: expect.any(Boolean),
    })
  })

  it('of more than that asks for one, unless the filter leaves fewer', async () => {
    await bury(1001)
    const developer = await (await bearerOf(tenant, { role: 'developer' })).enrol()
    expectProblem(await redrive(developer), 403, 'totp_required')
    expect((await redrive(developer, undefined, { event_type: 'rare' })).body).toMatchObject({ missing: 1 })
    expect((await redrive(developer, developer.code())).body).toMatchObject({ missing: 1001 })
  })
})
