/** A key with an `ip_allowlist` is worth nothing elsewhere. */
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { call, createTenant, type Json, type Reply, type TenantHandle } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const OFFICE = '203.0.113.0/24'

async function createKey(tenant: TenantHandle, fields: Record<string, unknown> = {}): Promise<Json> {
  const body = { name: 'ci', role: 'viewer', ip_allowlist: [OFFICE], ...fields }
  const reply = await tenant.call('POST', '/keys', { body })
  expect(reply.status, JSON.stringify(reply.body)).toBe(201)
  return reply.body
}

/** Asks from an address, as Cloudflare passes it on. */
function from(address: string | undefined, tenant: TenantHandle, key: string, path = ''): Promise<Reply> {
  return tenant.call('GET', path, { key, headers: address === undefined ? {} : { 'cf-connecting-ip': address } })
}

describe('a key that is bound to addresses', () => {
  it.each([
    ['203.0.113.9', ['203.0.113.0/24'], 200],
    ['203.0.114.9', ['203.0.113.0/24'], 403],
    ['203.0.113.9', ['198.51.100.1', '203.0.113.9'], 200],
    ['203.0.113.8', ['198.51.100.1', '203.0.113.9'], 403],
    ['2001:db8:0:1::9', ['2001:db8:0:1::/64'], 200],
    ['2001:db8:0:2::9', ['2001:db8:0:1::/64'], 403],
    ['2001:db8::9', ['203.0.113.0/24', '2001:db8::/32'], 200],
    ['::ffff:203.0.113.9', ['203.0.113.0/24'], 200],
    ['203.0.113.9', ['::ffff:203.0.113.0/120'], 200],
    ['203.0.113.9', ['::/0'], 403],
    ['2001:db8::9', ['0.0.0.0/0'], 403],
  ])('and used from %s, with %j, is answered %i', async (address, ip_allowlist, status) => {
    const tenant = await createTenant()
    const { key } = await createKey(tenant, { ip_allowlist })
    const reply = await from(address, tenant, key)
    expect(reply.status).toBe(status)
    if (status === 403) expectProblem(reply, 403, 'address_not_allowed')
  })

  it.each([
    ['is not known', undefined],
    ['is no address', 'unknown'],
    ['is more than one', '203.0.113.9, 203.0.113.9'],
  ])('is refused where the address %s', async (_why, address) => {
    const tenant = await createTenant()
    const { key } = await createKey(tenant)
    expectProblem(await from(address, tenant, key), 403, 'address_not_allowed')
  })

  it.each(['x-forwarded-for', 'x-real-ip', 'true-client-ip', 'forwarded'])('believes no %s', async (header) => {
    const tenant = await createTenant()
    const { key } = await createKey(tenant)
    const headers = { 'cf-connecting-ip': '198.51.100.1', [header]: '203.0.113.9' }
    expectProblem(await tenant.call('GET', '', { key, headers }), 403, 'address_not_allowed')
  })

  it('says from elsewhere neither which addresses it has nor which tenants there are', async () => {
    const [tenant, other] = [await createTenant(), await createTenant()]
    const { key } = await createKey(tenant)
    const headers = { 'cf-connecting-ip': '198.51.100.1' }
    const replies = await Promise.all(
      [tenant.path, other.path, '/v1/tenants/nobody', '/v1/tenants'].map((path) => call('GET', path, { key, headers })),
    )
    for (const reply of replies) {
      expectProblem(reply, 403, 'address_not_allowed')
      expect(JSON.stringify(reply.body)).not.toContain('203.0.113')
    }
    expect(new Set(replies.map(({ body }) => JSON.stringify({ ...body, request_id: '' }))).size).toBe(1)
  })

  it('uses up none of what its owner may send, from elsewhere', async () => {
    const tenant = await createTenant()
    const { key } = await createKey(tenant)
    const asked = vi.spyOn(env.REQUEST_LIMIT, 'limit')
    vi.spyOn(Math, 'random').mockReturnValue(0)
    await from('198.51.100.1', tenant, key)
    expect(asked).not.toHaveBeenCalled()
  })

  it('shows its ranges as they are kept', async () => {
    const tenant = await createTenant()
    const ip_allowlist = ['203.0.113.9', '2001:0DB8::/32', '::ffff:198.51.100.0/120', '203.0.113.9/32']
    const { id, ...made } = await createKey(tenant, { ip_allowlist })
    const kept = ['203.0.113.9/32', '2001:db8::/32', '198.51.100.0/24']
    expect(made.ip_allowlist).toEqual(kept)
    expect((await tenant.call('GET', `/keys/${id}`)).body.ip_allowlist).toEqual(kept)
  })

  it('follows a change of them at once', async () => {
    const tenant = await createTenant()
    const { id, key } = await createKey(tenant)
    expect((await from('203.0.113.9', tenant, key)).status).toBe(200)
    await tenant.call('PATCH', `/keys/${id}`, { body: { ip_allowlist: ['198.51.100.1'] } })
    expectProblem(await from('203.0.113.9', tenant, key), 403, 'address_not_allowed')
    expect((await from('198.51.100.1', tenant, key)).status).toBe(200)
    await tenant.call('PATCH', `/keys/${id}`, { body: { ip_allowlist: null } })
    expect((await from(undefined, tenant, key)).status).toBe(200)
  })
})

describe('an ip_allowlist is refused', () => {
  it.each([
    ['with a range that is none', ['office'], 'ip_allowlist.0'],
    ['with bits behind the prefix', [OFFICE, '203.0.113.9/24'], 'ip_allowlist.1'],
    ['that is empty, where null is every address', [], 'ip_allowlist'],
    ['that is too long', Array.from({ length: 101 }, (_, i) => `203.0.113.${i}`), 'ip_allowlist'],
    ['that is text', OFFICE, 'ip_allowlist'],
  ])('%s', async (_what, ip_allowlist, member) => {
    const tenant = await createTenant()
    const reply = await tenant.call('POST', '/keys', { body: { name: 'ci', role: 'viewer', ip_allowlist } })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
  })
})
