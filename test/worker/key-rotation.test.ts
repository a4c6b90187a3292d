/** Rotation: a key like another one, and an end for that one. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { call, createTenant, type Json, type Reply, skip, type TenantHandle } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const HOUR_MS = 3_600_000

async function createKey(tenant: TenantHandle, fields: Record<string, unknown> = {}): Promise<Json> {
  const { status, body } = await tenant.call('POST', '/keys', { body: { name: 'ci', role: 'viewer', ...fields } })
  expect(status, JSON.stringify(body)).toBe(201)
  return body
}

function rotate(tenant: TenantHandle, id: string, overlap_s?: number): Promise<Reply> {
  const body = overlap_s === undefined ? undefined : { overlap_s }
  return tenant.call('POST', `/keys/${id}/rotate`, { body })
}

const statusOf = async (tenant: TenantHandle, key: string) => (await tenant.call('GET', '', { key })).status
const shown = async (tenant: TenantHandle, id: string): Promise<Json> => (await tenant.call('GET', `/keys/${id}`)).body

describe('a rotated key', () => {
  it('works on until the overlap ends, beside the new one', async () => {
    const tenant = await createTenant()
    const old = await createKey(tenant)
    const { status, body: made, headers } = await rotate(tenant, old.id, 3600)
    expect([status, headers.get('cache-control')]).toEqual([201, 'no-store'])
    expect([await statusOf(tenant, old.key), await statusOf(tenant, made.key)]).toEqual([200, 200])
    skip(HOUR_MS - 5000)
    expect(await statusOf(tenant, old.key)).toBe(200)
    skip(5000)
    expect([await statusOf(tenant, old.key), await statusOf(tenant, made.key)]).toEqual([401, 200])
  })

  it('hands on all that it was but itself', async () => {
    const tenant = await createTenant()
    const old = await createKey(tenant, {
      name: 'billing',
      role: 'developer',
      mode: 'test',
      scopes: ['message.publish'],
      ip_allowlist: ['203.0.113.0/24'],
      expires_at: '2125-01-01T00:00:00Z',
    })
    const { body: made } = await rotate(tenant, old.id, 3600)
    const { id, key, hint, created_at, ...inherited } = made
    const { id: old_id, key: old_key, hint: _, created_at: __, ...before } = old
    expect(inherited).toEqual(before)
    expect([id === old_id, key === old_key]).toEqual([false, false])
    expect(key).toMatch(/^pst_test_/)
    expect(key.startsWith(hint.slice(0, -1))).toBe(true)
    expect(Date.parse(created_at)).toBeGreaterThan(Date.now() - 60_000)
  })

  it('says what replaced it, and until when it works', async () => {
    const tenant = await createTenant()
    const old = await createKey(tenant)
    const { body: made } = await rotate(tenant, old.id, 3600)
    const { replaced_by, expires_at, revoked_at } = await shown(tenant, old.id)
    expect({ replaced_by, revoked_at }).toEqual({ replaced_by: made.id, revoked_at: null })
    expect(Math.abs(Date.parse(expires_at) - Date.now() - HOUR_MS)).toBeLessThan(60_000)
    expect(JSON.stringify(await shown(tenant, made.id))).not.toContain(made.key)
  })

  it('works for a day when nothing is said', async () => {
    const tenant = await createTenant()
    const { id } = await createKey(tenant)
    expect((await rotate(tenant, id)).status).toBe(201)
    const { expires_at } = await shown(tenant, id)
    expect(Math.abs(Date.parse(expires_at) - Date.now() - 24 * HOUR_MS)).toBeLessThan(60_000)
  })

  it('ends at once with an overlap of 0', async () => {
    const tenant = await createTenant()
    const old = await createKey(tenant)
    expect(await statusOf(tenant, old.key)).toBe(200)
    const { body: made } = await rotate(tenant, old.id, 0)
    expect([await statusOf(tenant, old.key), await statusOf(tenant, made.key)]).toEqual([401, 200])
  })

  it('never lives longer than it would have', async () => {
    const tenant = await createTenant()
    const expires_at = new Date(Date.now() + HOUR_MS).toISOString()
    const old = await createKey(tenant, { expires_at })
    const { body: made } = await rotate(tenant, old.id, 604_800)
    expect([made.expires_at, (await shown(tenant, old.id)).expires_at]).toEqual([expires_at, expires_at])
  })

  it('is rotated once, however many ask at once', async () => {
    const tenant = await createTenant()
    const { id } = await createKey(tenant)
    const replies = await Promise.all(Array.from({ length: 5 }, () => rotate(tenant, id, 3600)))
    const made = replies.filter(({ status }) => status === 201)
    expect(made).toHaveLength(1)
    for (const reply of replies.filter(({ status }) => status !== 201)) expectProblem(reply, 409, 'wrong_state')
    expect((await tenant.call('GET', '/keys')).body.data).toHaveLength(2)
    expect((await shown(tenant, id)).replaced_by).toBe(made[0]?.body.id)
  })
})

describe('a rotation is refused', () => {
  it.each([
    ['an overlap below 0', { overlap_s: -1 }, 'overlap_s'],
    ['an overlap of more than a week', { overlap_s: 604_801 }, 'overlap_s'],
    ['an overlap of half a second', { overlap_s: 0.5 }, 'overlap_s'],
    ['another role', { overlap_s: 0, role: 'admin' }, ''],
  ])('with %s', async (_what, body, member) => {
    const tenant = await createTenant()
    const { id } = await createKey(tenant)
    const reply = await tenant.call('POST', `/keys/${id}/rotate`, { body })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
    expect((await tenant.call('GET', '/keys')).body.data).toHaveLength(1)
  })

  it('of a key that is not there, or another tenant’s, or an operator’s', async () => {
    const [tenant, other] = [await createTenant(), await createTenant()]
    const foreign = await createKey(other)
    const operator = (await call('POST', '/v1/keys', { body: { name: 'ops' } })).body
    for (const id of ['key_none', foreign.id, operator.id]) {
      expectProblem(await rotate(tenant, id), 404, 'not_found')
    }
  })

  it('of one that has been replaced, naming its successor', async () => {
    const tenant = await createTenant()
    const { id } = await createKey(tenant)
    const { body: made } = await rotate(tenant, id, 3600)
    const reply = await rotate(tenant, id, 3600)
    expectProblem(reply, 409, 'wrong_state')
    expect(reply.body.detail).toContain(made.id)
    expect((await rotate(tenant, made.id, 3600)).status).toBe(201)
  })

  it('of one that is revoked', async () => {
    const tenant = await createTenant()
    const { id } = await createKey(tenant)
    await tenant.call('DELETE', `/keys/${id}`)
    expectProblem(await rotate(tenant, id), 409, 'wrong_state')
  })

  it('of one that has expired', async () => {
    const tenant = await createTenant()
    const { id } = await createKey(tenant, { expires_at: new Date(Date.now() + HOUR_MS).toISOString() })
    skip(HOUR_MS)
    expectProblem(await rotate(tenant, id), 409, 'wrong_state')
  })
})

describe('a tenant that has as many keys as it may', () => {
  it('can still rotate, and then make no other', async () => {
    const tenant = await createTenant({ limits: { keys: 1 } })
    const { id } = await createKey(tenant)
    expect((await rotate(tenant, id, 3600)).status).toBe(201)
    expectProblem(await tenant.call('POST', '/keys', { body: { name: 'x', role: 'viewer' } }), 422, 'limit_reached')
  })

  it('has given no place to one that was replaced', async () => {
    const tenant = await createTenant({ limits: { keys: 2 } })
    const { id } = await createKey(tenant)
    expect((await rotate(tenant, id, 3600)).status).toBe(201)
    expect((await tenant.call('POST', '/keys', { body: { name: 'second', role: 'viewer' } })).status).toBe(201)
  })

  it('cannot rotate again and again while all that were replaced still work', async () => {
    const tenant = await createTenant({ limits: { keys: 1 } })
    const { id } = await createKey(tenant)
    const { body: second } = await rotate(tenant, id, 3600)
    expectProblem(await rotate(tenant, second.id, 3600), 422, 'limit_reached')
    await tenant.call('DELETE', `/keys/${id}`)
    expect((await rotate(tenant, second.id, 3600)).status).toBe(201)
  })

  it('has room again once one has expired', async () => {
    const tenant = await createTenant({ limits: { keys: 1 } })
    await createKey(tenant, { expires_at: new Date(Date.now() + HOUR_MS).toISOString() })
    const wanted = { body: { name: 'second', role: 'viewer' } }
    expectProblem(await tenant.call('POST', '/keys', wanted), 422, 'limit_reached')
    skip(HOUR_MS)
    expect((await tenant.call('POST', '/keys', wanted)).status).toBe(201)
  })
})
