/** How a key gets an authenticator. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Bearer, bearerOf, operator, stopClock } from './authenticator.ts'
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

describe('an enrolment', () => {
  it('shows its secret once, as text, as a URI for apps and as a picture of that', async () => {
    const bearer = await bearerOf(tenant, { name: 'billing' })
    const { body, headers } = await bearer.begin()
    expect(Object.keys(body).toSorted()).toEqual(['qr_svg', 'secret', 'uri'])
    expect(headers.get('cache-control')).toBe('no-store')
    const uri = new URL(body.uri)
    expect(decodeURIComponent(uri.pathname)).toBe(`/Postern dev:${tenant.id}/billing`)
    expect(uri.searchParams.get('secret')).toBe(body.secret)
    expect(body.qr_svg).toMatch(/^<svg /)
  })

  it('asks for nothing until it is confirmed with a code', async () => {
    const bearer = await bearerOf(tenant)
    const endpoint = await tenant.endpoint()
    const reveal = () => bearer.ask('GET', `${tenant.path}/endpoints/${endpoint.id}/secret`)
    expect(await bearer.state()).toEqual(NONE)
    await bearer.begin()
    const now = new Date(Date.now()).toISOString()
    expect(await bearer.state()).toEqual({ ...NONE, state: 'pending', created_at: now })
    expect((await reveal()).status).toBe(200)
    expect((await bearer.confirm()).status).toBe(204)
    expect(await bearer.state()).toEqual({ ...NONE, state: 'enrolled', created_at: now, confirmed_at: now })
    expectProblem(await reveal(), 403, 'totp_required')
  })

  it('is not confirmed by a wrong code', async () => {
    const bearer = await bearerOf(tenant)
    await bearer.begin()
    expectProblem(await bearer.confirm(bearer.wrongCode()), 403, 'totp_invalid')
    expect((await bearer.state()).state).toBe('pending')
    expect((await bearer.confirm()).status).toBe(204)
  })

  it('may be begun anew until it is confirmed: only the last secret counts', async () => {
    const bearer = await bearerOf(tenant)
    await bearer.begin()
    const first = bearer.code()
    await bearer.begin()
    expectProblem(await bearer.confirm(first), 403, 'totp_invalid')
    expect((await bearer.confirm()).status).toBe(204)
  })

  it('is not begun anew once it is confirmed', async () => {
    const bearer = await (await bearerOf(tenant)).enrol()
    expectProblem(await bearer.ask('POST', `${bearer.path}/totp`), 409, 'wrong_state')
    expectProblem(await bearer.confirm(), 409, 'wrong_state')
    expect((await bearer.ask('DELETE', `${bearer.path}/totp`, bearer.code())).status).toBe(204)
  })

  it('cannot be confirmed before it was begun', async () => {
    expectProblem(await (await bearerOf(tenant)).confirm('123456'), 409, 'wrong_state')
  })

  it('is confirmed once, however many ask at once', async () => {
    const bearer = await bearerOf(tenant)
    await bearer.begin()
    const replies = await Promise.all(Array.from({ length: 5 }, () => bearer.confirm()))
    expect(replies.filter(({ status }) => status === 204)).toHaveLength(1)
  })

  it('has one secret, however many begin at once', async () => {
    const bearer = await bearerOf(tenant)
    const begun = await Promise.all(Array.from({ length: 5 }, () => bearer.ask('POST', `${bearer.path}/totp`)))
    expect(begun.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201])
    const good: string[] = []
    for (const { body } of begun) {
      bearer.secret = body.secret
      if ((await bearer.confirm()).status === 204) good.push(body.secret)
    }
    expect(good).toHaveLength(1)
  })

  it.each([
    ['letters', { code: 'abcdef' }, 'code'],
    ['five digits', { code: '12345' }, 'code'],
    ['Arabic digits', { code: '١٢٣٤٥٦' }, 'code'],
    ['a number', { code: 123456 }, 'code'],
    ['nothing', {}, 'code'],
    ['members that do not exist', { code: '123456', key: 'x' }, ''],
  ])('is not confirmed with %s', async (_what, body, member) => {
    const bearer = await bearerOf(tenant)
    await bearer.begin()
    const reply = await bearer.ask('POST', `${bearer.path}/totp/confirm`, undefined, { body })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
  })
})

describe('only the key itself', () => {
  it('enrols: no admin and no operator gets to see the secret of another’s', async () => {
    const [bearer, admin] = [await bearerOf(tenant, { role: 'developer' }), await bearerOf(tenant)]
    const confirm = { body: { code: '123456' } }
    for (const reply of [
      await admin.ask('POST', `${bearer.path}/totp`),
      await admin.ask('POST', `${bearer.path}/totp/confirm`, undefined, confirm),
      await call('POST', `${bearer.path}/totp`),
      await call('POST', `${bearer.path}/totp/confirm`, confirm),
      await admin.ask('DELETE', `${bearer.path}/totp`),
    ]) {
      expectProblem(reply, 403, 'forbidden')
    }
    expect(await bearer.state()).toEqual(NONE)
  })

  it('and those who may look at keys see whether it is enrolled', async () => {
    const [bearer, admin] = [await bearerOf(tenant, { role: 'developer' }), await bearerOf(tenant)]
    const other = await bearerOf(tenant, { role: 'developer' })
    await bearer.enrol()
    for (const seen of [await admin.ask('GET', `${bearer.path}/totp`), await call('GET', `${bearer.path}/totp`)]) {
      expect(seen.body).toMatchObject({ state: 'enrolled' })
    }
    expectProblem(await other.ask('GET', `${bearer.path}/totp`), 403, 'forbidden')
  })

  it('is found: a key that is not there, or another tenant’s, looks like none', async () => {
    const admin = await bearerOf(tenant)
    const foreign = await bearerOf(await createTenant())
    for (const id of [foreign.id, 'key_nobody']) {
      for (const method of ['GET', 'POST', 'DELETE']) {
        expectProblem(await admin.ask(method, `${tenant.path}/keys/${id}/totp`), 404, 'not_found')
        expectProblem(await call(method, `${tenant.path}/keys/${id}/totp`), 404, 'not_found')
      }
    }
  })

  it.each(['publisher', 'viewer'])(
    'needs a role that could do something sensitive: a %s has no use for it',
    async (role) => {
      const bearer = await bearerOf(tenant, { role })
      expectProblem(await bearer.ask('POST', `${bearer.path}/totp`), 403, 'forbidden')
    },
  )

  it('with scopes needs that of enrolling', async () => {
    const bearer = await bearerOf(tenant, { scopes: ['endpoint.secret.reveal'] })
    expectProblem(await bearer.ask('POST', `${bearer.path}/totp`), 403, 'forbidden')
    await tenant.call('PATCH', `/keys/${bearer.id}`, { body: { scopes: ['endpoint.secret.reveal', 'key.totp.enrol'] } })
    await bearer.enrol()
  })

  it('of the settings enrols too, though it has no row', async () => {
    const ada = await operator()
    const settings = new Bearer({ id: 'key_settings', key: env.POSTERN_OPERATOR_KEY ?? '' }, '/v1/keys')
    await settings.enrol()
    const doomed = await createTenant()
    expectProblem(await call('DELETE', doomed.path), 403, 'totp_required')
    expect((await settings.ask('DELETE', doomed.path, settings.nextCode())).status).toBe(204)
    expect((await ada.ask('GET', '/v1/keys/key_settings/totp')).body.state).toBe('enrolled')
    expect((await ada.ask('DELETE', '/v1/keys/key_settings/totp?reason=lost')).status).toBe(204)
    expect(await settings.state()).toEqual(NONE)
  })
})
