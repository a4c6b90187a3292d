/** How a key gets rid of its authenticator. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { bearerOf, operator, stopClock } from './authenticator.ts'
import { call, createTenant, type TenantHandle } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

let tenant: TenantHandle

beforeEach(async () => {
  tenant = await createTenant()
  stopClock()
})

afterEach(() => {
  vi.restoreAllMocks()
})

const NONE = { state: 'none', created_at: null, confirmed_at: null, locked_until: null }

describe('an enrolment is removed', () => {
  it('by its key, with a code of it', async () => {
    const bearer = await (await bearerOf(tenant)).enrol()
    expectProblem(await bearer.ask('DELETE', `${bearer.path}/totp`), 403, 'totp_required')
    expectProblem(await bearer.ask('DELETE', `${bearer.path}/totp`, bearer.wrongCode()), 403, 'totp_invalid')
    expect((await bearer.state()).state).toBe('enrolled')
    expect((await bearer.ask('DELETE', `${bearer.path}/totp`, bearer.code())).status).toBe(204)
    expect(await bearer.state()).toEqual(NONE)
    expectProblem(await bearer.ask('DELETE', `${bearer.path}/totp`, bearer.code()), 404, 'not_found')
  })

  it('by its key without a code while it is pending, which protects nothing', async () => {
    const bearer = await bearerOf(tenant)
    await bearer.begin()
    expect((await bearer.ask('DELETE', `${bearer.path}/totp`)).status).toBe(204)
    expect(await bearer.state()).toEqual(NONE)
  })

  it('by an operator who says why, which the audit log keeps', async () => {
    const bearer = await (await bearerOf(tenant)).enrol()
    const reply = await call('DELETE', `${bearer.path}/totp?reason=${encodeURIComponent('  lost her phone ')}`)
    expect(reply.status).toBe(204)
    expect(await bearer.state()).toEqual(NONE)
    const [entry] = (await tenant.call('GET', '/audit-log?limit=1')).body.data
    expect(entry).toMatchObject({
      action: 'key.totp.remove',
      target: bearer.id,
      actor: { key_id: 'key_settings', role: 'operator' },
      after: { reason: 'lost her phone' },
    })
  })

  it.each([
    ['no reason', ''],
    ['an empty one', '?reason='],
    ['a blank one', '?reason=%20%20'],
    ['one of 501 characters', `?reason=${'x'.repeat(501)}`],
  ])('by no operator with %s', async (_what, query) => {
    const bearer = await (await bearerOf(tenant)).enrol()
    const reply = await call('DELETE', `${bearer.path}/totp${query}`)
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual(['reason'])
    expect((await bearer.state()).state).toBe('enrolled')
  })

  it('by no operator who is enrolled and sends no code of their own', async () => {
    const bearer = await (await bearerOf(tenant)).enrol()
    const ada = await (await operator()).enrol()
    const path = `${bearer.path}/totp?reason=lost`
    expectProblem(await ada.ask('DELETE', path), 403, 'totp_required')
    expectProblem(await ada.ask('DELETE', path, bearer.nextCode()), 403, 'totp_invalid')
    expect((await ada.ask('DELETE', path, ada.code())).status).toBe(204)
  })

  it('by no operator from their own key with a reason instead of a code: a thief would do that', async () => {
    const ada = await (await operator()).enrol()
    expectProblem(await ada.ask('DELETE', `${ada.path}/totp?reason=lost`), 403, 'totp_required')
    const grace = await operator()
    expect((await grace.ask('DELETE', `${ada.path}/totp?reason=lost`)).status).toBe(204)
  })

  it('by no admin of the tenant, with or without a reason', async () => {
    const [bearer, admin] = [await (await bearerOf(tenant)).enrol(), await bearerOf(tenant)]
    expectProblem(await admin.ask('DELETE', `${bearer.path}/totp`), 403, 'forbidden')
    expectProblem(await admin.ask('DELETE', `${bearer.path}/totp?reason=lost`), 403, 'forbidden')
  })

  it('with its tenant', async () => {
    const bearer = await (await bearerOf(tenant)).enrol()
    await call('DELETE', tenant.path)
    await vi.waitFor(async () => {
      const rows = await env.DB.prepare('SELECT 1 FROM totp_enrolments WHERE tenant_id = ?').bind(tenant.id).all()
      expect(rows.results).toEqual([])
    }, 8000)
    expectProblem(await bearer.ask('GET', `${bearer.path}/totp`), 401, 'unauthorized')
  })
})
