/** Keys of operators, which have no tenant: made, listed, changed and revoked by operators alone. */
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { call, createTenant, type Json, type Reply } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

async function createOperatorKey(fields: Record<string, unknown> = {}): Promise<Json> {
  const { status, body } = await call('POST', '/v1/keys', { body: { name: 'Ada', ...fields } })
  expect(status, JSON.stringify(body)).toBe(201)
  return body
}

async function listed(): Promise<Json[]> {
  return (await call('GET', '/v1/keys?limit=250')).body.data
}

describe('an operator key', () => {
  it('is made by an operator, shown once, and works for every tenant', async () => {
    const tenant = await createTenant()
    const { key, ...made } = await createOperatorKey()
    expect(made).toMatchObject({ name: 'Ada', role: 'operator', scopes: null, ip_allowlist: null, revoked_at: null })
    expect((await tenant.call('GET', '', { key })).status).toBe(200)
    expect((await call('GET', '/v1/tenants', { key })).status).toBe(200)
    expect(await listed()).toContainEqual({ ...made, last_used_at: expect.toBeOneOf([null, expect.any(String)]) })
  })

  it('is listed among operators’, and a tenant’s key is not', async () => {
    const tenant = await createTenant()
    await tenant.key('admin')
    const { id } = await createOperatorKey()
    const all = await listed()
    expect(all.map(({ id }) => id)).toContain(id)
    expect(all.filter(({ role }) => role !== 'operator')).toEqual([])
    const theirs = (await tenant.call('GET', '/keys')).body.data
    expect(theirs.map(({ role }: Json) => role)).toEqual(['admin'])
  })

  it('is out of reach below a tenant’s path', async () => {
    const tenant = await createTenant()
    const { id } = await createOperatorKey()
    const replies = await Promise.all([
      tenant.call('GET', `/keys/${id}`),
      tenant.call('PATCH', `/keys/${id}`, { body: { name: 'x' } }),
      tenant.call('POST', `/keys/${id}/rotate`),
      tenant.call('DELETE', `/keys/${id}`),
    ])
    for (const reply of replies) expectProblem(reply, 404, 'not_found')
  })

  it('does not give a tenant’s key away', async () => {
    const tenant = await createTenant()
    await tenant.key('admin')
    const [{ id }] = (await tenant.call('GET', '/keys')).body.data
    expectProblem(await call('GET', `/v1/keys/${id}`), 404, 'not_found')
    expectProblem(await call('DELETE', `/v1/keys/${id}`), 404, 'not_found')
  })

  it('may be changed, and narrowed to some permissions', async () => {
    const { id, key } = await createOperatorKey()
    const { body } = await call('PATCH', `/v1/keys/${id}`, { body: { name: 'Grace', scopes: ['tenant.list'] } })
    expect(body).toMatchObject({ name: 'Grace', scopes: ['tenant.list'] })
    expect((await call('GET', '/v1/tenants', { key })).status).toBe(200)
    expectProblem(await call('GET', '/v1/keys', { key }), 403, 'forbidden')
  })

  it('may be rotated', async () => {
    const old = await createOperatorKey()
    const { status, body } = await call('POST', `/v1/keys/${old.id}/rotate`, { body: { overlap_s: 0 } })
    expect([status, body.role]).toEqual([201, 'operator'])
    const statusOf = async (key: string) => (await call('GET', '/v1/tenants', { key })).status
    expect([await statusOf(old.key), await statusOf(body.key)]).toEqual([401, 200])
  })

  it('may be revoked, by itself too', async () => {
    const { id, key } = await createOperatorKey()
    expect((await call('DELETE', `/v1/keys/${id}`, { key })).status).toBe(204)
    expectProblem(await call('GET', '/v1/tenants', { key }), 401, 'unauthorized')
    expect((await call('GET', `/v1/keys/${id}`)).body.revoked_at).toMatch(/Z$/)
  })

  it('that lives in the settings has no row to change or revoke, and is seen by nobody', async () => {
    for (const method of ['GET', 'DELETE']) {
      expectProblem(await call(method, '/v1/keys/key_settings'), 404, 'not_found')
    }
    expect(JSON.stringify(await listed())).not.toContain((env.POSTERN_OPERATOR_KEY ?? '').slice(13))
  })
})

describe('an operator key is refused', () => {
  it.each([
    ['a role', { role: 'admin' }, ''],
    ['the role that it has anyway', { role: 'operator' }, ''],
    ['no name', { name: undefined }, 'name'],
    ['a scope that does not exist', { scopes: ['everything'] }, 'scopes.0'],
  ])('%s', async (_what, fields, member) => {
    const reply = await call('POST', '/v1/keys', { body: { name: 'Ada', ...fields } })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
  })

  it('when there are as many as there may be, however many are asked for at once', async () => {
    const made: Json[] = []
    let refused: Reply | undefined
    while (refused === undefined && made.length <= 100) {
      const replies = await Promise.all(
        Array.from({ length: 20 }, () => call('POST', '/v1/keys', { body: { name: 'many' } })),
      )
      made.push(...replies.filter(({ status }) => status === 201).map(({ body }) => body))
      refused = replies.find(({ status }) => status !== 201)
    }
    expect(refused?.body).toMatchObject({ code: 'limit_reached' })
    const usable = (await listed()).filter(
      ({ revoked_at, expires_at, replaced_by }) =>
        revoked_at === null && replaced_by === null && (expires_at === null || Date.parse(expires_at) > Date.now()),
    )
    expect(usable).toHaveLength(100)
    await Promise.all(made.map(({ id }) => call('DELETE', `/v1/keys/${id}`)))
  })
})
