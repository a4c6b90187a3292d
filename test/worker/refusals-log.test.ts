/** What the log says of requests that were refused: enough to see an attack, and no more than that. */
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createApiKey } from '../../src/keys/api-key.ts'
import { call, createTenant, type Json, skip } from './harness.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** Lines of this name, from now on. */
function watch(message: string, level: 'warn' | 'error' = 'warn'): () => Json[] {
  const spied = vi.spyOn(console, level).mockImplementation(() => {})
  return () => spied.mock.calls.map(([line]) => JSON.parse(String(line))).filter((line) => line.message === message)
}

const ADDRESS = '203.0.113.9'
const from = { 'cf-connecting-ip': ADDRESS, 'x-request-id': 'find-me' }
let minutes = 0

/** So that the counts of other tests do not reach into this one. */
const nextMinute = () => skip(++minutes * 61_000)

const unknownKey = () => createApiKey('live', (length) => crypto.getRandomValues(new Uint8Array(length)))

describe('a refusal is in the log', () => {
  it('of a key that is none: with address, route and request, without the key', async () => {
    nextMinute()
    const lines = watch('auth.refused')
    const key = await unknownKey()
    await call('GET', '/v1/tenants/acme/endpoints/ep_1', { key, headers: from })
    expect(lines()).toEqual([
      {
        level: 'warn',
        message: 'auth.refused',
        code: 'unauthorized',
        address: ADDRESS,
        request_id: 'find-me',
        trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
        method: 'GET',
        route: '/v1/tenants/:tenant/endpoints/:endpoint',
        tenant_id: 'acme',
      },
    ])
  })

  it('of a key that may not do this: with the id of the key', async () => {
    const tenant = await createTenant()
    const { body } = await tenant.call('POST', '/keys', { body: { name: 'reader', role: 'viewer' } })
    nextMinute()
    const lines = watch('auth.refused')
    await tenant.call('POST', '/messages', { key: body.key, body: { type: 'a.b', data: 1 }, headers: from })
    const [line] = lines()
    expect(line).toMatchObject({ code: 'forbidden', key_id: body.id, tenant_id: tenant.id, address: ADDRESS })
    expect(JSON.stringify(line)).not.toContain(body.key)
  })

  it('of a key that is not used from where it may be', async () => {
    const tenant = await createTenant()
    const bound = { name: 'bound', role: 'viewer', ip_allowlist: ['198.51.100.0/24'] }
    const { body } = await tenant.call('POST', '/keys', { body: bound })
    nextMinute()
    const lines = watch('auth.refused')
    await tenant.call('GET', '/endpoints', { key: body.key, headers: from })
    expect(lines()).toMatchObject([{ code: 'address_not_allowed', key_id: body.id, address: ADDRESS }])
  })

  it('of a key that asks too often', async () => {
    const tenant = await createTenant()
    const { body } = await tenant.call('POST', '/keys', { body: { name: 'hasty', role: 'viewer' } })
    nextMinute()
    const lines = watch('auth.refused')
    vi.spyOn(Math, 'random').mockReturnValue(0)
    vi.spyOn(env.REQUEST_LIMIT, 'limit').mockResolvedValue({ success: false })
    await tenant.call('GET', '/endpoints', { key: body.key, headers: from })
    expect(lines()).toMatchObject([{ code: 'rate_limited', key_id: body.id }])
  })

  it('of a key that tries another tenant, though it is told that there is none', async () => {
    const [own, foreign] = [await createTenant(), await createTenant()]
    const { body } = await own.call('POST', '/keys', { body: { name: 'curious', role: 'admin' } })
    nextMinute()
    const lines = watch('auth.refused')
    expect((await foreign.call('GET', '/endpoints', { key: body.key, headers: from })).status).toBe(404)
    expect(lines()).toMatchObject([{ code: 'foreign_tenant', key_id: body.id, tenant_id: foreign.id }])
  })

  it('as often as a minute can bear, and counted beyond that', async () => {
    nextMinute()
    const lines = watch('auth.refused')
    for (let times = 0; times < 230; times++) await call('GET', '/v1/tenants', { key: null, headers: from })
    expect(lines()).toHaveLength(51)
    expect(lines().at(-1)).toMatchObject({ code: 'unauthorized', times: 100 })
  })
})

describe('nothing is in the log', () => {
  it.each([
    ['a request that is wrong', () => call('POST', '/v1/tenants', { body: {} })],
    ['what is not there', () => call('GET', '/v1/tenants/nobody')],
    ['a message that was accepted', async () => (await createTenant()).publish()],
    ['who is alive', () => call('GET', '/healthz', { key: null })],
  ])('of %s', async (_what, ask) => {
    const spied = (['debug', 'info', 'warn', 'error'] as const).map((level) =>
      vi.spyOn(console, level).mockImplementation(() => {}),
    )
    await ask()
    expect(spied.flatMap(({ mock }) => mock.calls)).toEqual([])
  })
})

describe('a 503', () => {
  it('is in the log under the id of its request', async () => {
    nextMinute()
    const lines = watch('request.unavailable')
    vi.spyOn(env.DB, 'prepare').mockImplementation(() => {
      throw new Error('D1_ERROR: Network connection lost.')
    })
    expect((await call('GET', '/v1/tenants', { headers: from })).status).toBe(503)
    expect(lines()).toMatchObject([{ request_id: 'find-me', code: 'unavailable', route: '/v1/tenants' }])
    expect(lines()[0].error).not.toHaveProperty('stack')
  })
})
