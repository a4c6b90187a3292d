/** A key with scopes has less than its role, and cannot hand out more than it has. */
import { describe, expect, it } from 'vitest'
import { call, createTenant, type Json, type Reply, type TenantHandle, useReceivers } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

useReceivers()

async function createKey(tenant: TenantHandle, fields: Record<string, unknown>): Promise<Json> {
  const { status, body } = await tenant.call('POST', '/keys', { body: { name: 'ci', role: 'admin', ...fields } })
  expect(status, JSON.stringify(body)).toBe(201)
  return body
}

describe('a key with scopes', () => {
  it('shows them, and every other key shows that it has none', async () => {
    const tenant = await createTenant()
    const scopes = ['message.publish', 'message.read']
    const made = await createKey(tenant, { role: 'developer', scopes })
    expect(made.scopes).toEqual(scopes)
    expect((await tenant.call('GET', `/keys/${made.id}`)).body.scopes).toEqual(scopes)
    expect((await createKey(tenant, { role: 'developer' })).scopes).toBeNull()
  })

  it('may do what they name, and nothing else that its role may', async () => {
    const tenant = await createTenant()
    const { key } = await createKey(tenant, { role: 'developer', scopes: ['message.publish'] })
    const message = { type: 'invoice.paid', data: {} }
    expect((await tenant.call('POST', '/messages', { key, body: message })).status).toBe(202)
    expectProblem(await tenant.call('GET', '/messages', { key }), 403, 'forbidden')
    expectProblem(await tenant.call('POST', '/endpoints', { key, body: {} }), 403, 'forbidden')
  })

  it('sees no secret header without the scope that reveals secrets', async () => {
    const tenant = await createTenant()
    await tenant.endpoint({ headers: { authorization: 'Bearer s3cret' } })
    const { key } = await createKey(tenant, { role: 'developer', scopes: ['endpoint.read'] })
    const { body } = await tenant.call('GET', '/endpoints', { key })
    expect(body.data).toMatchObject([{ headers: { authorization: '[redacted]' } }])
  })

  it('names each of them once', async () => {
    const { scopes } = await createKey(await createTenant(), { scopes: ['key.list', 'key.list'] })
    expect(scopes).toEqual(['key.list'])
  })
})

describe('scopes are refused', () => {
  it.each([
    ['that the role does not hold', { role: 'viewer', scopes: ['message.read', 'message.publish'] }, 'scopes'],
    ['of operators', { role: 'admin', scopes: ['tenant.create'] }, 'scopes'],
    ['that do not exist', { scopes: ['message.*'] }, 'scopes.0'],
    ['that are none, where null is all', { scopes: [] }, 'scopes'],
    ['that are text', { scopes: 'message.read' }, 'scopes'],
  ])('%s', async (_what, fields, member) => {
    const tenant = await createTenant()
    const reply = await tenant.call('POST', '/keys', { body: { name: 'ci', role: 'admin', ...fields } })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
    expect((await tenant.call('GET', '/keys')).body.data).toEqual([])
  })

  it('in a change as they are when the key is made', async () => {
    const tenant = await createTenant()
    const { id } = await createKey(tenant, { role: 'viewer' })
    const reply = await tenant.call('PATCH', `/keys/${id}`, { body: { scopes: ['message.publish'] } })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual(['scopes'])
    expect((await tenant.call('GET', `/keys/${id}`)).body.scopes).toBeNull()
  })
})

describe('a key with scopes that manages keys', () => {
  const MANAGES = ['key.list', 'key.get', 'key.create', 'key.update', 'key.rotate', 'message.publish']

  async function manager() {
    const tenant = await createTenant()
    const admin = await createKey(tenant, {})
    const { id, key } = await createKey(tenant, { scopes: MANAGES })
    const ask = (method: string, path: string, body?: unknown): Promise<Reply> =>
      tenant.call(method, `/keys${path}`, { key, body })
    return { tenant, admin, id, ask }
  }

  it.each([
    ['all of its role', { role: 'admin' }],
    ['a scope that it lacks', { role: 'admin', scopes: ['message.publish', 'endpoint.read'] }],
    ['another role that holds what it lacks', { role: 'viewer' }],
  ])('makes none with %s', async (_what, fields) => {
    const { tenant, ask } = await manager()
    expectProblem(await ask('POST', '', { name: 'more', ...fields }), 403, 'forbidden')
    expect((await tenant.call('GET', '/keys')).body.data).toHaveLength(2)
  })

  it('makes those that may do no more than it may itself', async () => {
    const { ask } = await manager()
    expect((await ask('POST', '', { name: 'less', role: 'publisher' })).status).toBe(201)
    expect((await ask('POST', '', { name: 'same', role: 'admin', scopes: MANAGES })).status).toBe(201)
  })

  it('cannot give itself more', async () => {
    const { id, ask } = await manager()
    expectProblem(await ask('PATCH', `/${id}`, { scopes: null }), 403, 'forbidden')
    expectProblem(await ask('PATCH', `/${id}`, { scopes: [...MANAGES, 'key.revoke'] }), 403, 'forbidden')
    expect((await ask('GET', `/${id}`)).body.scopes).toEqual(MANAGES)
  })

  it('cannot lay hands on a key that may do more', async () => {
    const { admin, ask } = await manager()
    expectProblem(await ask('POST', `/${admin.id}/rotate`), 403, 'forbidden')
    expectProblem(await ask('PATCH', `/${admin.id}`, { ip_allowlist: null }), 403, 'forbidden')
    expectProblem(await ask('PATCH', `/${admin.id}?confirm=true`, { scopes: ['key.list'] }), 403, 'forbidden')
    expect((await ask('GET', `/${admin.id}`)).body).toMatchObject({ scopes: null, replaced_by: null, expires_at: null })
  })

  it('is no exception for operators', async () => {
    const tenant = await createTenant()
    const scopes = ['key.create', 'operator_key.create']
    const { key } = (await call('POST', '/v1/keys', { body: { name: 'onboarding', scopes } })).body
    expectProblem(await call('POST', '/v1/keys', { key, body: { name: 'more' } }), 403, 'forbidden')
    expectProblem(await tenant.call('POST', '/keys', { key, body: { name: 'more', role: 'admin' } }), 403, 'forbidden')
    expect((await call('POST', '/v1/keys', { key, body: { name: 'same', scopes } })).status).toBe(201)
  })
})
