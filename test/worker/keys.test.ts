import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { call, createTenant, eventually, type TenantHandle } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

const inOneHour = () => new Date(Date.now() + 3_600_000).toISOString()

async function createKey(tenant: TenantHandle, fields: Record<string, unknown> = {}) {
  const { status, body } = await tenant.call('POST', '/keys', { body: { name: 'ci', role: 'viewer', ...fields } })
  expect(status, JSON.stringify(body)).toBe(201)
  return body
}

describe('an API key', () => {
  it('is shown when it is made, and works', async () => {
    const tenant = await createTenant()
    const made = await createKey(tenant, { name: 'ci', role: 'developer', expires_at: inOneHour() })
    expect(made).toMatchObject({ name: 'ci', role: 'developer', revoked_at: null })
    expect(made.id).toMatch(/^key_[0-9A-HJKMNP-TV-Z]{26}$/)
    expect(made.key).toMatch(/^pst_live_[0-9A-HJKMNP-TV-Z]{38}$/)
    expect(made.key.startsWith(made.hint.slice(0, -1))).toBe(true)
    expect((await tenant.call('GET', '/endpoints', { key: made.key })).status).toBe(200)
  })

  it('says so when it is for tests', async () => {
    const { key } = await createKey(await createTenant(), { mode: 'test' })
    expect(key).toMatch(/^pst_test_/)
  })

  it('is listed without itself, newest first, page by page', async () => {
    const tenant = await createTenant()
    const made = [await createKey(tenant), await createKey(tenant), await createKey(tenant)]
    const first = (await tenant.call('GET', '/keys?limit=2')).body
    const second = (await tenant.call('GET', `/keys?limit=2&cursor=${first.next_cursor}`)).body
    const listed = [...first.data, ...second.data]
    expect(second.next_cursor).toBeNull()
    expect(listed.map(({ id }) => id).toSorted()).toEqual(made.map(({ id }) => id).toSorted())
    expect(listed).toEqual(
      listed.map(({ id }) => {
        const { key: _shown_once, ...rest } = made.find((one) => one.id === id)
        return rest
      }),
    )
  })

  it('takes an expiry with any offset and shows it in UTC', async () => {
    const { expires_at } = await createKey(await createTenant(), { expires_at: '2125-01-01T01:00:00+01:00' })
    expect(expires_at).toBe('2125-01-01T00:00:00.000Z')
  })

  it('makes room for another once it is revoked', async () => {
    const tenant = await createTenant({ limits: { keys: 1 } })
    const { id } = await createKey(tenant)
    const wanted = { body: { name: 'second', role: 'viewer' } }
    expectProblem(await tenant.call('POST', '/keys', wanted), 422, 'limit_reached')
    await tenant.call('DELETE', `/keys/${id}`)
    expect((await tenant.call('POST', '/keys', wanted)).status).toBe(201)
  })
})

describe('an API key that is there', () => {
  it('is shown by its id, without itself', async () => {
    const tenant = await createTenant()
    const { key, ...made } = await createKey(tenant, { expires_at: inOneHour() })
    const { status, body } = await tenant.call('GET', `/keys/${made.id}`)
    expect([status, body]).toEqual([200, made])
  })

  it('may be renamed, and stays what it was otherwise', async () => {
    const tenant = await createTenant()
    const { key, ...made } = await createKey(tenant, { role: 'developer', scopes: ['message.read'] })
    const { status, body } = await tenant.call('PATCH', `/keys/${made.id}`, { body: { name: ' billing ' } })
    expect([status, body]).toEqual([200, { ...made, name: 'billing' }])
    expect((await tenant.call('GET', `/keys/${made.id}`)).body).toEqual(body)
    expect((await tenant.call('GET', '/messages', { key })).status).toBe(200)
  })

  it('may be changed in nothing', async () => {
    const tenant = await createTenant()
    const { key, ...made } = await createKey(tenant)
    expect((await tenant.call('PATCH', `/keys/${made.id}`, { body: {} })).body).toEqual(made)
  })

  it('keeps each of two changes at once', async () => {
    const tenant = await createTenant()
    const { id } = await createKey(tenant)
    const change = (body: Record<string, unknown>) => tenant.call('PATCH', `/keys/${id}`, { body })
    const replies = await Promise.all([
      change({ name: 'billing' }),
      change({ scopes: ['message.read'] }),
      change({ ip_allowlist: ['203.0.113.9'] }),
    ])
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200])
    expect((await tenant.call('GET', `/keys/${id}`)).body).toMatchObject({
      name: 'billing',
      scopes: ['message.read'],
      ip_allowlist: ['203.0.113.9/32'],
    })
  })

  it.each([
    ['its role', { role: 'admin' }],
    ['its expiry', { expires_at: '2125-01-01T00:00:00Z' }],
    ['its hash', { hash: 'a' }],
    ['its name to nothing', { name: '' }],
  ])('cannot be changed in %s', async (_what, body) => {
    const tenant = await createTenant()
    const { id } = await createKey(tenant)
    expectProblem(await tenant.call('PATCH', `/keys/${id}`, { body }), 422, 'invalid_request')
  })

  it('is not there for another tenant', async () => {
    const [tenant, other] = [await createTenant(), await createTenant()]
    const { id } = await createKey(other)
    expectProblem(await tenant.call('GET', `/keys/${id}`), 404, 'not_found')
    expectProblem(await tenant.call('PATCH', `/keys/${id}`, { body: { name: 'mine' } }), 404, 'not_found')
    expect((await other.call('GET', `/keys/${id}`)).body.name).toBe('ci')
  })

  it('stays as it was once it is revoked', async () => {
    const tenant = await createTenant()
    const { id } = await createKey(tenant)
    await tenant.call('DELETE', `/keys/${id}`)
    expectProblem(await tenant.call('PATCH', `/keys/${id}`, { body: { name: 'x' } }), 409, 'wrong_state')
  })
})

describe('an API key is refused', () => {
  it.each([
    ['the role of an operator', { role: 'operator' }, 'role'],
    ['a role that does not exist', { role: 'owner' }, 'role'],
    ['no role', { role: undefined }, 'role'],
    ['a blank name', { name: ' ' }, 'name'],
    ['a mode that does not exist', { mode: 'prod' }, 'mode'],
    ['an expiry in the past', { expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
    ['an expiry that is no time', { expires_at: 'tomorrow' }, 'expires_at'],
    ['an expiry without an offset', { expires_at: '2125-01-01T00:00:00' }, 'expires_at'],
  ])('%s', async (_what, fields, member) => {
    const tenant = await createTenant()
    const reply = await tenant.call('POST', '/keys', { body: { name: 'ci', role: 'viewer', ...fields } })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
    expect((await tenant.call('GET', '/keys')).body.data).toEqual([])
  })

  it('members that do not exist', async () => {
    const body = { name: 'ci', role: 'viewer', permissions: ['*'] }
    expectProblem(await (await createTenant()).call('POST', '/keys', { body }), 422, 'invalid_request')
  })

  it('when its tenant has as many as it may, however many are asked for at once', async () => {
    const tenant = await createTenant({ limits: { keys: 3 } })
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => tenant.call('POST', '/keys', { body: { name: 'ci', role: 'viewer' } })),
    )
    const refused = replies.filter(({ status }) => status !== 201)
    expect(refused).toHaveLength(5)
    for (const reply of refused) expectProblem(reply, 422, 'limit_reached')
  })

  it('its revocation when there is no such key', async () => {
    expectProblem(await (await createTenant()).call('DELETE', '/keys/key_none'), 404, 'not_found')
  })
})

describe('a revoked key', () => {
  it('works no more, at once', async () => {
    const tenant = await createTenant()
    const { id, key } = await createKey(tenant)
    expect((await tenant.call('GET', '', { key })).status).toBe(200)
    expect((await tenant.call('DELETE', `/keys/${id}`)).status).toBe(204)
    expectProblem(await tenant.call('GET', '', { key }), 401, 'unauthorized')
  })

  it('stays listed with the time of its first revocation', async () => {
    const tenant = await createTenant()
    const { id } = await createKey(tenant)
    const revokedAt = async () => (await tenant.call('GET', '/keys')).body.data[0].revoked_at
    await tenant.call('DELETE', `/keys/${id}`)
    const first = await revokedAt()
    expect(Date.parse(first)).toBeGreaterThan(Date.now() - 60_000)
    await eventually('another millisecond', () => Date.now() > Date.parse(first))
    expect((await tenant.call('DELETE', `/keys/${id}`)).status).toBe(204)
    expect(await revokedAt()).toBe(first)
  })

  it('cannot be another tenant’s', async () => {
    const [tenant, other] = [await createTenant(), await createTenant()]
    const { id, key } = await createKey(other)
    const admin = await tenant.key('admin')
    expectProblem(await tenant.call('DELETE', `/keys/${id}`, { key: admin }), 404, 'not_found')
    expect((await other.call('GET', '', { key })).status).toBe(200)
  })
})

describe('what protects keys', () => {
  it('is that an expired one stops by itself, though it was good a moment ago', async () => {
    const tenant = await createTenant()
    const { key, expires_at } = await createKey(tenant, { expires_at: new Date(Date.now() + 1500).toISOString() })
    expect((await tenant.call('GET', '', { key })).status).toBe(200)
    const reply = await eventually('the key to expire', async () => {
      const reply = await tenant.call('GET', '', { key })
      return reply.status !== 200 && reply
    })
    expectProblem(reply, 401, 'unauthorized')
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expires_at))
  })

  it('is that the database holds nothing to log in with', async () => {
    const tenant = await createTenant()
    const { id, key } = await createKey(tenant)
    const row = await env.DB.prepare('SELECT * FROM api_keys WHERE id = ?').bind(id).first()
    const secret = key.slice('pst_live_'.length)
    expect(JSON.stringify(row)).not.toContain(secret.slice(5))
    expect(row?.hash).toMatch(/^[0-9a-f]{64}$/)
    expectProblem(await tenant.call('GET', '', { key: String(row?.hash) }), 401, 'unauthorized')
  })

  it.each([
    ['without a scheme', (key: string) => key],
    ['as a user name', (key: string) => `Basic ${btoa(`${key}:`)}`],
    ['with a character changed', (key: string) => `Bearer ${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`],
    ['in lower case', (key: string) => `Bearer ${key.toLowerCase()}`],
    ['with more behind it', (key: string) => `Bearer ${key}0`],
    ['as nothing at all', () => 'Bearer '],
  ])('is that none is taken %s', async (_how, header) => {
    const tenant = await createTenant()
    const { key } = await createKey(tenant)
    const reply = await tenant.call('GET', '', { key: null, headers: { authorization: header(key) } })
    expectProblem(reply, 401, 'unauthorized')
    expect(reply.headers.get('www-authenticate')).toBe('Bearer')
  })

  it('is that nobody finds a key in the address of a request', async () => {
    const tenant = await createTenant()
    const { key } = await createKey(tenant)
    for (const name of ['key', 'api_key', 'access_token', 'token']) {
      expectProblem(await tenant.call('GET', `?${name}=${key}`, { key: null }), 401, 'unauthorized')
    }
  })

  it('is that the scheme may be written in any case, as RFC 9110 has it', async () => {
    const tenant = await createTenant()
    const { key } = await createKey(tenant)
    const reply = await call('GET', tenant.path, { key: null, headers: { authorization: `bEARER ${key}` } })
    expect(reply.status).toBe(200)
  })
})
