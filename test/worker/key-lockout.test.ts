/** No key takes from its tenant, unasked, the last one that can make keys. */
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createTenant, type Json, type Reply, skip, type TenantHandle } from './harness.ts'
import { expectProblem } from './problem.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

async function createKey(tenant: TenantHandle, fields: Record<string, unknown> = {}): Promise<Json> {
  const { status, body } = await tenant.call('POST', '/keys', { body: { name: 'ci', role: 'admin', ...fields } })
  expect(status, JSON.stringify(body)).toBe(201)
  return body
}

interface Change {
  what: string
  /** Makes it with this key, of that one. */
  make: (tenant: TenantHandle, key: string, id: string, query?: string) => Promise<Reply>
}

const OVER_THERE = { 'cf-connecting-ip': '198.51.100.1' }

const CHANGES: Change[] = [
  {
    what: 'a revocation',
    make: (tenant, key, id, query = '') => tenant.call('DELETE', `/keys/${id}${query}`, { key }),
  },
  {
    what: 'a rotation without overlap, whose answer may get lost',
    make: (tenant, key, id, query = '') =>
      tenant.call('POST', `/keys/${id}/rotate${query}`, { key, body: { overlap_s: 0 } }),
  },
  {
    what: 'a rotation with hardly any overlap',
    make: (tenant, key, id, query = '') =>
      tenant.call('POST', `/keys/${id}/rotate${query}`, { key, body: { overlap_s: 59 } }),
  },
  {
    what: 'scopes that make no keys',
    make: (tenant, key, id, query = '') =>
      tenant.call('PATCH', `/keys/${id}${query}`, { key, body: { scopes: ['key.list', 'key.revoke'] } }),
  },
  {
    what: 'addresses that leave out the one that asks',
    make: (tenant, key, id, query = '') =>
      tenant.call('PATCH', `/keys/${id}${query}`, {
        key,
        body: { ip_allowlist: ['203.0.113.0/24'] },
        headers: OVER_THERE,
      }),
  },
]

const withoutUse = ({ last_used_at: _, ...key }: Json): Json => key

describe('the last admin key of a tenant', () => {
  it.each(CHANGES)('is safe from $what by itself', async ({ make }) => {
    const tenant = await createTenant()
    const { id, key, ...made } = await createKey(tenant)
    await createKey(tenant, { role: 'developer' })
    expectProblem(await make(tenant, key, id), 409, 'last_admin_key')
    expect(withoutUse((await tenant.call('GET', `/keys/${id}`, { key })).body)).toEqual(withoutUse({ id, ...made }))
    expect((await tenant.call('GET', '/keys')).body.data).toHaveLength(2)
  })

  it.each(CHANGES)('suffers $what when that is confirmed', async ({ make }) => {
    const tenant = await createTenant()
    const { id, key } = await createKey(tenant)
    expectProblem(await make(tenant, key, id, '?confirm=false'), 409, 'last_admin_key')
    expect((await make(tenant, key, id, '?confirm=true')).status).toBeLessThan(300)
  })

  it.each(CHANGES)('suffers $what when another one is left', async ({ make }) => {
    const tenant = await createTenant()
    const { id, key } = await createKey(tenant)
    await createKey(tenant)
    expect((await make(tenant, key, id)).status).toBeLessThan(300)
  })

  it.each(CHANGES)('suffers $what by an operator, who can make another', async ({ make }) => {
    const tenant = await createTenant()
    const { id } = await createKey(tenant)
    expect((await make(tenant, env.POSTERN_OPERATOR_KEY ?? '', id)).status).toBeLessThan(300)
  })

  it('may be rotated with an overlap in which somebody notices that an answer got lost', async () => {
    const tenant = await createTenant()
    const { id, key } = await createKey(tenant)
    const rotated = await tenant.call('POST', `/keys/${id}/rotate`, { key, body: { overlap_s: 60 } })
    expect(rotated.status).toBe(201)
  })

  it('may be renamed, and bound to addresses that it is used from', async () => {
    const tenant = await createTenant()
    const { id, key } = await createKey(tenant)
    const body = { name: 'main', ip_allowlist: ['198.51.100.0/24'] }
    expect((await tenant.call('PATCH', `/keys/${id}`, { key, body, headers: OVER_THERE })).status).toBe(200)
  })

  it.each(['TRUE', '1', 'yes', ''])('is not lost to a confirmation that is none: confirm=%s', async (confirm) => {
    const tenant = await createTenant()
    const { id, key } = await createKey(tenant)
    expectProblem(await tenant.call('DELETE', `/keys/${id}?confirm=${confirm}`, { key }), 422, 'invalid_request')
  })
})

describe('another key does not count as an admin key that is left', () => {
  const HOUR_MS = 3_600_000

  it.each([
    ['of another role', async (tenant: TenantHandle) => createKey(tenant, { role: 'developer' })],
    ['that cannot make keys', async (tenant: TenantHandle) => createKey(tenant, { scopes: ['key.revoke'] })],
    ['that is revoked', async (tenant: TenantHandle) => tenant.call('DELETE', `/keys/${(await createKey(tenant)).id}`)],
    [
      'that has expired',
      async (tenant: TenantHandle) => {
        await createKey(tenant, { expires_at: new Date(Date.now() + HOUR_MS).toISOString() })
        skip(HOUR_MS)
      },
    ],
    [
      'that was replaced and will end',
      async (tenant: TenantHandle) => {
        const { id } = await createKey(tenant)
        const { body } = await tenant.call('POST', `/keys/${id}/rotate`, { body: { overlap_s: 3600 } })
        await tenant.call('DELETE', `/keys/${body.id}`)
      },
    ],
    ['of another tenant', async () => createKey(await createTenant())],
  ])('%s', async (_which, arrange) => {
    const tenant = await createTenant()
    const { id, key } = await createKey(tenant)
    await arrange(tenant)
    expectProblem(await tenant.call('DELETE', `/keys/${id}`, { key }), 409, 'last_admin_key')
  })

  it('but one whose scopes let it make keys does', async () => {
    const tenant = await createTenant()
    const { id, key } = await createKey(tenant)
    await createKey(tenant, { scopes: ['key.list', 'key.create'] })
    expect((await tenant.call('DELETE', `/keys/${id}`, { key })).status).toBe(204)
  })

  it('and a key that cannot make keys itself cannot revoke the last that can', async () => {
    const tenant = await createTenant()
    const { id } = await createKey(tenant)
    const { key } = await createKey(tenant, { scopes: ['key.revoke'] })
    expectProblem(await tenant.call('DELETE', `/keys/${id}`, { key }), 409, 'last_admin_key')
  })
})

describe('admins who act against each other at once', () => {
  const admins = async (tenant: TenantHandle): Promise<Json[]> => {
    const { data } = (await tenant.call('GET', '/keys')).body
    return data.filter(({ revoked_at, replaced_by }: Json) => revoked_at === null && replaced_by === null)
  }

  it.each([2, 3, 5])('leave the tenant one of %i keys, whoever comes first', async (count) => {
    for (let round = 0; round < 5; round++) {
      const tenant = await createTenant()
      const keys = await Promise.all(Array.from({ length: count }, () => createKey(tenant)))
      // Hot, so that all are let in before the first revocation is seen.
      await Promise.all(keys.map(({ key }) => tenant.call('GET', '', { key })))
      const replies = await Promise.all(
        keys.flatMap(({ key }, i) =>
          keys.filter((_, j) => i !== j).map(({ id }) => tenant.call('DELETE', `/keys/${id}`, { key })),
        ),
      )
      expect(await admins(tenant)).toHaveLength(1)
      expect([204, 401, 409]).toEqual(expect.arrayContaining([...new Set(replies.map(({ status }) => status))]))
    }
  })

  it('leave it one when one is revoked while both are narrowed', async () => {
    for (let round = 0; round < 5; round++) {
      const tenant = await createTenant()
      const [a, b] = await Promise.all([createKey(tenant), createKey(tenant)])
      await Promise.all([a, b].map(({ key }) => tenant.call('GET', '', { key })))
      await Promise.all([
        tenant.call('DELETE', `/keys/${a.id}`, { key: b.key }),
        tenant.call('PATCH', `/keys/${b.id}`, { key: a.key, body: { scopes: ['key.list'] } }),
        tenant.call('PATCH', `/keys/${a.id}`, { key: a.key, body: { scopes: ['key.list'] } }),
      ])
      const able = (await admins(tenant)).filter(({ scopes }) => scopes === null)
      expect(able.length).toBeGreaterThanOrEqual(1)
    }
  })
})
