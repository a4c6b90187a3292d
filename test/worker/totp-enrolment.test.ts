/** How a key gets an authenticator, and how it gets rid of it. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Bearer, bearerOf, operator, pass, STEP_MS, stopClock } from './authenticator.ts'
import { call, createTenant, type Json, type TenantHandle } from './harness.ts'
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
    const settings = new Bearer({ id: 'key_settings', key: env.POSTERN_OPERATOR_KEY ?? '' }, '/v1/keys')
    await settings.enrol()
    const doomed = await createTenant()
    expectProblem(await call('DELETE', doomed.path), 403, 'totp_required')
    expect((await settings.ask('DELETE', doomed.path, settings.nextCode())).status).toBe(204)
    expect((await settings.ask('DELETE', '/v1/keys/key_settings/totp', settings.nextCode())).status).toBe(204)
    expect(await settings.state()).toEqual(NONE)
  })
})

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

  it('by an operator who says why, and that is logged', async () => {
    const bearer = await (await bearerOf(tenant)).enrol()
    const logged = vi.spyOn(console, 'info').mockImplementation(() => {})
    const reply = await call('DELETE', `${bearer.path}/totp?reason=${encodeURIComponent('  lost her phone ')}`)
    expect(reply.status).toBe(204)
    expect(await bearer.state()).toEqual(NONE)
    const lines = logged.mock.calls.map(([line]) => JSON.parse(String(line)))
    expect(lines).toContainEqual({
      level: 'info',
      message: 'step_up.overridden',
      tenant_id: tenant.id,
      key_id: bearer.id,
      by: 'key_settings',
      reason: 'lost her phone',
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

describe('the rotation of an enrolled key', () => {
  async function rotate(bearer: Bearer): Promise<Bearer> {
    const { status, body } = await bearer.ask('POST', `${bearer.path}/rotate`, bearer.code())
    expect(status, JSON.stringify(body)).toBe(201)
    const rotated = new Bearer(body, `${tenant.path}/keys`)
    rotated.secret = bearer.secret
    return rotated
  }
  const revealWith = async (bearer: Bearer, code?: string) => {
    const { id } = await tenant.endpoint()
    return bearer.ask('GET', `${tenant.path}/endpoints/${id}/secret`, code)
  }

  it('is no way around it: the new key takes codes of the same authenticator', async () => {
    const made = await rotate(await (await bearerOf(tenant)).enrol())
    expect(await made.state()).toMatchObject({ state: 'enrolled' })
    expectProblem(await revealWith(made), 403, 'totp_required')
    expect((await revealWith(made, made.nextCode())).status).toBe(200)
  })

  it('hands it on from one to the next', async () => {
    const second = await rotate(await (await bearerOf(tenant)).enrol())
    pass(STEP_MS)
    const third = await rotate(second)
    expectProblem(await revealWith(third), 403, 'totp_required')
    expect((await revealWith(third, third.nextCode())).status).toBe(200)
  })

  it('keeps a code that one of the two has used from the other', async () => {
    const old = await (await bearerOf(tenant)).enrol()
    const made = await rotate(old)
    const code = made.nextCode()
    expect((await revealWith(old, code)).status).toBe(200)
    expectProblem(await revealWith(made, code), 403, 'totp_invalid')
  })

  it('gives nobody more guesses', async () => {
    const old = await (await bearerOf(tenant)).enrol()
    const made = await rotate(old)
    for (let i = 0; i < 5; i++)
      expectProblem(await revealWith(i % 2 === 0 ? old : made, made.wrongCode(i)), 403, 'totp_invalid')
    for (const bearer of [old, made]) expectProblem(await revealWith(bearer, bearer.nextCode()), 429, 'totp_locked')
  })

  it('lets the old key enrol no more: a thief would bind the new one to an authenticator of theirs', async () => {
    const old = await bearerOf(tenant)
    const begun = await old.begin()
    const { body } = await old.ask('POST', `${old.path}/rotate`)
    const made = new Bearer(body, `${tenant.path}/keys`)
    expectProblem(await old.ask('POST', `${old.path}/totp`), 409, 'wrong_state')
    expect(begun.status).toBe(201)
    expectProblem(await old.confirm(), 409, 'wrong_state')
    await made.enrol()
    expect(await old.state()).toMatchObject({ state: 'enrolled' })
  })

  it('by an admin who is not enrolled leaves the new key as bound as the old one was', async () => {
    const [bearer, admin] = [await (await bearerOf(tenant)).enrol(), await bearerOf(tenant)]
    const { body } = await admin.ask('POST', `${bearer.path}/rotate`)
    const made = new Bearer(body, `${tenant.path}/keys`)
    expectProblem(await revealWith(made), 403, 'totp_required')
  })
})

describe('the secret of an authenticator', () => {
  it('is shown nowhere else, and lies sealed for its key in the database', async () => {
    const bearer = await (await bearerOf(tenant)).enrol()
    const shown = await Promise.all([
      bearer.ask('GET', bearer.path),
      bearer.ask('GET', `${tenant.path}/keys`),
      bearer.ask('GET', `${bearer.path}/totp`),
      call('GET', tenant.path),
    ])
    const { results } = await env.DB.prepare('SELECT * FROM totp_enrolments WHERE tenant_id = ?').bind(tenant.id).all()
    expect(results).toHaveLength(1)
    for (const text of [...shown.map(({ body }) => JSON.stringify(body)), JSON.stringify(results)]) {
      expect(text).not.toContain(bearer.secret)
    }
    for (const { body } of shown) expect(JSON.stringify(body)).not.toContain('sealed')
  })

  it('does not open for another key that somebody gave it to in the database', async () => {
    const [bearer, thief] = [await (await bearerOf(tenant)).enrol(), await (await bearerOf(tenant)).enrol()]
    const [mine, theirs] = await Promise.all(
      [bearer, thief].map(({ id }) =>
        env.DB.prepare('SELECT sealed FROM totp_enrolments WHERE key_id = ?').bind(id).first<{ sealed: string }>(),
      ),
    )
    expect(mine?.sealed).not.toBe(theirs?.sealed)
    await env.DB.prepare('UPDATE totp_enrolments SET sealed = ? WHERE key_id = ?').bind(theirs?.sealed, bearer.id).run()
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
    const reply = await bearer.ask('DELETE', `${bearer.path}/totp`, thief.nextCode())
    expectProblem(reply, 500, 'internal')
    expect(logged.mock.calls.join()).toContain('secret.unsealable')
  })

  it('is in no log, and neither is a code', async () => {
    const lines: string[] = []
    for (const level of ['info', 'warn', 'error', 'log'] as const) {
      vi.spyOn(console, level).mockImplementation((line: Json) => void lines.push(String(line)))
    }
    const bearer = await (await bearerOf(tenant)).enrol()
    const codes = [bearer.wrongCode(), bearer.code()]
    for (const code of codes) await bearer.ask('DELETE', `${bearer.path}/totp`, code)
    const refused = lines.map((line) => JSON.parse(line)).filter(({ message }) => message === 'step_up.refused')
    expect(refused).toEqual([
      { level: 'warn', message: 'step_up.refused', tenant_id: tenant.id, key_id: bearer.id, reason: 'totp_invalid' },
    ])
    for (const hidden of [bearer.secret, ...codes]) expect(lines.join('\n')).not.toContain(hidden)
  })
})
