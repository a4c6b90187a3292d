/** Who has no good key is counted by address; who has one never is. */
import { env } from 'cloudflare:workers'
import { parseList } from 'structured-headers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createId } from '../../src/lib/ids.ts'
import { call, createTenant, type Reply, skip } from './harness.ts'
import { expectProblem } from './problem.ts'
import { insertSource } from './source-row.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** Nobody's, and no key at all by its checksum. */
const UNKNOWN_KEY = 'pst_test_zzzz'
const BINDINGS = ['ADDRESS_LIMIT', 'FAILED_AUTHENTICATION_LIMIT'] as const
type Binding = (typeof BINDINGS)[number]

let addresses = 0
/** One that no other test has. */
const freshAddress = () => `198.51.${Math.floor(++addresses / 250)}.${addresses % 250}`

const from = (address: string | undefined, path: string, key: string | null): Promise<Reply> =>
  call('GET', path, { key, ...(address !== undefined && { headers: { 'cf-connecting-ip': address } }) })

/** Counts with this many allowed for each key, and none beyond. */
function limitTo(binding: Binding, allowed: number) {
  const counts = new Map<string, number>()
  return vi.spyOn(env[binding], 'limit').mockImplementation(async ({ key }) => {
    counts.set(key, (counts.get(key) ?? 0) + 1)
    return { success: (counts.get(key) ?? 0) <= allowed }
  })
}

const statuses = (replies: Reply[]) => replies.map(({ status }) => status)

async function repeated(times: number, ask: () => Promise<Reply>): Promise<Reply[]> {
  const replies: Reply[] = []
  for (let n = 0; n < times; n++) replies.push(await ask())
  return replies
}

describe('an address that sends many keys that are not good', () => {
  it('is told to wait, and then nothing is looked up for it any more', async () => {
    limitTo('FAILED_AUTHENTICATION_LIMIT', 3)
    const address = freshAddress()
    const tenant = await createTenant()
    const revoked = await tenant.key('viewer')
    const { data } = (await tenant.call('GET', '/keys')).body
    await tenant.call('DELETE', `/keys/${data[0].id}`)
    const ask = () => from(address, tenant.path, revoked)
    expect(statuses(await repeated(4, ask))).toEqual([401, 401, 401, 429])
    const prepare = vi.spyOn(env.DB, 'prepare')
    const limiter = vi.mocked(env.FAILED_AUTHENTICATION_LIMIT.limit)
    const asked = limiter.mock.calls.length
    skip(10_000)
    const reply = await ask()
    expectProblem(reply, 429, 'rate_limited')
    expect(reply.headers.get('retry-after')).toBe('60')
    expect(prepare).not.toHaveBeenCalled()
    expect(limiter.mock.calls.length).toBe(asked)
    skip(51_000)
    limiter.mockResolvedValue({ success: true })
    expect((await ask()).status).toBe(401)
  })

  it('may not try another key either, nor one that is malformed', async () => {
    limitTo('FAILED_AUTHENTICATION_LIMIT', 0)
    const address = freshAddress()
    const other = await (await createTenant()).key('viewer')
    expect((await from(address, '/v1/tenants', UNKNOWN_KEY)).status).toBe(429)
    expect((await from(address, '/v1/tenants', 'nonsense')).status).toBe(429)
    const prepare = vi.spyOn(env.DB, 'prepare')
    expect((await from(address, '/v1/tenants', other)).status).toBe(429)
    expect(prepare).not.toHaveBeenCalled()
  })

  it('shuts out nobody else, and nobody who is known here already', async () => {
    limitTo('FAILED_AUTHENTICATION_LIMIT', 0)
    const address = freshAddress()
    const tenant = await createTenant()
    const key = await tenant.key('viewer')
    expect((await from(address, tenant.path, key)).status).toBe(200)
    expect((await from(address, tenant.path, UNKNOWN_KEY)).status).toBe(429)
    expect((await from(address, tenant.path, key)).status).toBe(200)
    expect((await from(freshAddress(), tenant.path, await tenant.key('viewer'))).status).toBe(200)
  })

  it('is refused a known key all the same once it is revoked', async () => {
    limitTo('FAILED_AUTHENTICATION_LIMIT', 0)
    const address = freshAddress()
    const tenant = await createTenant()
    const key = await tenant.key('viewer')
    await from(address, tenant.path, key)
    await from(address, tenant.path, UNKNOWN_KEY)
    const { data } = (await tenant.call('GET', '/keys')).body
    await tenant.call('DELETE', `/keys/${data[0].id}`)
    expect((await from(address, tenant.path, key)).status).toBe(429)
  })

  it('is counted when it uses a good key from where that may not be used', async () => {
    const limiter = limitTo('FAILED_AUTHENTICATION_LIMIT', 1)
    const address = freshAddress()
    const tenant = await createTenant()
    const body = { name: 'ci', role: 'viewer', ip_allowlist: ['203.0.113.0/24'] }
    const { key } = (await tenant.call('POST', '/keys', { body })).body
    expect(statuses(await repeated(2, () => from(address, tenant.path, key)))).toEqual([403, 429])
    expect(limiter).toHaveBeenCalledTimes(2)
  })
})

describe('an address that makes up ids of sources', () => {
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
  const askSource = (address: string, id = createId('src', Date.now(), random)) =>
    call('POST', `/in/${id}`, { key: null, text: '{}', headers: { 'cf-connecting-ip': address } })

  it('is told to wait, and is counted once for each', async () => {
    const limiter = limitTo('FAILED_AUTHENTICATION_LIMIT', 2)
    const address = freshAddress()
    const id = createId('src', Date.now(), random)
    expect(statuses(await repeated(5, () => askSource(address, id)))).toEqual([404, 404, 404, 404, 404])
    expect(limiter).toHaveBeenCalledTimes(1)
    const replies = await repeated(2, () => askSource(address))
    expect(statuses(replies)).toEqual([404, 429])
  })

  it('has ten looked up in a second, and no more', async () => {
    limitTo('FAILED_AUTHENTICATION_LIMIT', 0)
    const address = freshAddress()
    await askSource(address)
    const now = Date.now() + 5000
    vi.spyOn(Date, 'now').mockReturnValue(now)
    const prepare = vi.spyOn(env.DB, 'prepare')
    expect(new Set(statuses(await repeated(50, () => askSource(address))))).toEqual(new Set([429]))
    expect(prepare).toHaveBeenCalledTimes(10)
  })

  it('shuts out nobody whose source is there, known here or not: it may be a provider’s', async () => {
    limitTo('FAILED_AUTHENTICATION_LIMIT', 0)
    const address = freshAddress()
    const tenant = await createTenant()
    const [known, other] = [await insertSource(tenant.id), await insertSource(tenant.id)]
    expect((await askSource(address, known)).status).toBe(401)
    expect((await askSource(address)).status).toBe(429)
    expect((await askSource(address, known)).status).toBe(401)
    expect((await askSource(address, other)).status).toBe(401)
  })
})

describe('an address that asks too often without a good key', () => {
  it.each(['/healthz', '/readyz', '/openapi.json', '/docs'])('is refused %s, which needs none', async (path) => {
    limitTo('ADDRESS_LIMIT', 2)
    const address = freshAddress()
    const replies = await repeated(4, () => from(address, path, null))
    expect(statuses(replies)).toEqual([200, 200, 429, 429])
    const [, , refused] = replies
    if (refused === undefined) throw new Error('there were four')
    expectProblem(refused, 429, 'rate_limited')
    expect(refused.headers.get('retry-after')).toBe('10')
    expect((await from(freshAddress(), path, null)).status).toBe(200)
  })

  it('is refused what needs a key', async () => {
    limitTo('ADDRESS_LIMIT', 2)
    const address = freshAddress()
    expect(statuses(await repeated(3, () => from(address, '/v1/tenants', null)))).toEqual([401, 401, 429])
  })

  it('goes on with a good key, known here or not', async () => {
    limitTo('ADDRESS_LIMIT', 0)
    const address = freshAddress()
    const tenant = await createTenant()
    const key = await tenant.key('viewer')
    expect((await from(address, '/healthz', null)).status).toBe(429)
    expect((await from(address, tenant.path, key)).status).toBe(200)
  })
})

describe('an address', () => {
  const countedAs = async (address: string | undefined) => {
    const limiter = limitTo('ADDRESS_LIMIT', 1000)
    await from(address, '/healthz', null)
    return limiter.mock.calls.map(([{ key }]) => key)
  }

  it.each([
    ['203.0.113.9', '203.0.113.9'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002:ffff::', '2001:db8:1:2::/64'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['nonsense', 'unknown'],
    [undefined, 'unknown'],
  ])('%s counts as %s', async (address, bucket) => {
    expect(await countedAs(address)).toEqual([bucket])
  })
})

describe('a request with a good key', () => {
  it('asks none of the limiters for addresses', async () => {
    const limiters = BINDINGS.map((binding) => vi.spyOn(env[binding], 'limit'))
    const tenant = await createTenant()
    expect((await from(freshAddress(), tenant.path, await tenant.key('viewer'))).status).toBe(200)
    for (const limiter of limiters) expect(limiter).not.toHaveBeenCalled()
  })

  it('is told what its key may send, in a structured field', async () => {
    const { headers } = await call('GET', '/v1/tenants')
    const [[name, parameters] = []] = parseList(headers.get('ratelimit-policy') ?? '')
    expect(name).toBe('requests')
    expect(Object.fromEntries(parameters ?? [])).toEqual({ q: 100_000, w: 10 })
  })
})

describe('a limiter that fails', () => {
  it.each([
    ['ADDRESS_LIMIT', 'address', '/healthz', null, 200],
    ['ADDRESS_LIMIT', 'address', '/v1/tenants', UNKNOWN_KEY, 401],
    ['FAILED_AUTHENTICATION_LIMIT', 'failed_authentication', '/v1/tenants', UNKNOWN_KEY, 401],
  ] as const)('blocks nobody, and is counted: %s (%s) for %s', async (binding, limiter, path, key, status) => {
    const logged = (['warn', 'error'] as const).map((level) => vi.spyOn(console, level).mockImplementation(() => {}))
    vi.spyOn(env[binding], 'limit').mockRejectedValue(new Error('Network connection lost.'))
    expect((await from(freshAddress(), path, key)).status).toBe(status)
    const lines = logged.flatMap(({ mock }) => mock.calls.map(([line]) => JSON.parse(String(line))))
    const failures = lines.filter(({ message }) => message === 'rate_limit.failed')
    expect(failures).toMatchObject([{ level: 'warn', limiter, error: { message: 'Network connection lost.' } }])
  })
})
