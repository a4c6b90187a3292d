import { env, exports } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { readSettings } from '../../src/env.ts'
import { CANARY_ENDPOINT } from '../../src/health/canary-nest.ts'
import { CANARY_TENANT } from '../../src/lib/reserved-tenant.ts'
import { openSecretOf } from './canary-secret.ts'
import {
  type Arrival,
  breakEndpoint,
  call,
  createTenant,
  eventually,
  type Json,
  runCron,
  skip,
  useReceivers,
} from './harness.ts'
import { expectProblem } from './problem.ts'
import { isSignedWith } from './signatures.ts'

const ECHO = 'https://postern.test/canary/echo'
const receivers = useReceivers()

/** The echo route as the public reaches it. */
const knock = ({ headers, bytes }: Pick<Arrival, 'headers' | 'bytes'>) =>
  exports.default.fetch(ECHO, { method: 'POST', headers, body: bytes })

let ahead_ms = 0

beforeEach(() => {
  Object.assign(readSettings(env), { canary_url: ECHO })
  receivers.current.become(ECHO, knock)
  for (const level of ['warn', 'error'] as const) vi.spyOn(console, level).mockImplementation(() => {})
  // Beyond what the tests before it have left in a cache.
  ahead_ms += 10 * 60_000
  skip(ahead_ms)
})

afterEach(() => {
  Object.assign(readSettings(env), { canary_url: null })
})

/** What /readyz says of the canary now. */
async function canary(): Promise<Json> {
  skip(6000)
  return (await call('GET', '/readyz', { key: null })).body
}

const fly = () => runCron('canary.flight')

async function flown(): Promise<Arrival> {
  await fly()
  const arrival = receivers.current.arrivals(ECHO).at(-1)
  if (arrival === undefined) throw new Error('no canary arrived')
  return arrival
}

describe('a flight', () => {
  it('goes to the echo route, signed as any message is, and shows with its age and latency', async () => {
    expect((await canary()).canary.status).toBe('waiting')
    const arrival = await flown()
    expect(isSignedWith(await openSecretOf(CANARY_ENDPOINT), arrival)).toBe(true)
    expect(JSON.parse(arrival.body)).toMatchObject({ type: 'postern.canary', data: {} })
    const { status, canary: seen } = await canary()
    expect([status, seen]).toEqual([
      'ok',
      {
        status: 'ok',
        last_success_at: expect.stringMatching(/Z$/),
        age_s: expect.closeTo(6, -1),
        latency_ms: expect.any(Number),
      },
    ])
  })

  it('is one attempt, and one that fails is a canary that fails until the next arrives', async () => {
    await fly()
    const { last_success_at } = (await canary()).canary
    receivers.current.become(ECHO, 500)
    const before = receivers.current.arrivals(ECHO).length
    await fly()
    expect(receivers.current.arrivals(ECHO).length - before).toBe(1)
    expect(await canary()).toMatchObject({
      status: 'degraded',
      publishing: 'full',
      canary: { status: 'failing', last_success_at },
    })
    receivers.current.become(ECHO, knock)
    await fly()
    expect(await canary()).toMatchObject({ status: 'ok', canary: { status: 'ok' } })
  })

  it('sees that all is well again in the first minute after, however long it was not', async () => {
    receivers.current.become(ECHO, 500)
    // More than opens a breaker.
    for (let minute = 0; minute < 7; minute++) await fly()
    receivers.current.become(ECHO, knock)
    await fly()
    expect((await canary()).canary.status).toBe('ok')
  })

  it('that finds its endpoint disabled goes on', async () => {
    receivers.current.become(ECHO, 410)
    await fly()
    await eventually('the endpoint to be disabled', async () =>
      env.DB.prepare('SELECT 1 FROM endpoints WHERE id = ? AND disabled IS NOT NULL').bind(CANARY_ENDPOINT).first(),
    )
    receivers.current.become(ECHO, knock)
    await fly()
    expect((await canary()).canary.status).toBe('ok')
  })

  it('that cannot be placed says so, and keeps no one waiting', async () => {
    await fly()
    breakEndpoint(CANARY_ENDPOINT)
    vi.spyOn(env.FANOUT, 'send').mockRejectedValue(new Error('Queue send failed: Internal Server Error'))
    vi.spyOn(env.FANOUT, 'sendBatch').mockRejectedValue(new Error('Queue send failed: Internal Server Error'))
    await fly()
    expect((await canary()).canary.status).toBe('failing')
  })

  it('that no longer comes is stale after three minutes', async () => {
    await fly()
    skip(4 * 60_000)
    expect((await canary()).canary.status).toBe('stale')
  })

  it('does not begin without CANARY_URL', async () => {
    Object.assign(readSettings(env), { canary_url: null })
    await fly()
    expect(receivers.current.arrivals(ECHO)).toEqual([])
    expect(await canary()).toMatchObject({ status: 'ok', canary: { status: 'off' } })
  })

  it('leaves one row of its own and nothing in an audit log, whatever number it is', async () => {
    await fly()
    const entries = () =>
      env.DB.prepare('SELECT COUNT(*) AS rows FROM audit_log WHERE tenant_id = ?').bind(CANARY_TENANT).first('rows')
    const entries_before = await entries()
    for (let minute = 0; minute < 3; minute++) await fly()
    const count = (table: string, where: string) =>
      env.DB.prepare(`SELECT COUNT(*) AS rows FROM ${table} WHERE ${where}`).first('rows')
    expect(await count('upkeep', "job = 'canary'")).toBe(1)
    expect(await count('endpoints', `tenant_id = '${CANARY_TENANT}'`)).toBe(1)
    expect(await entries()).toBe(entries_before)
  })

  it('is forgotten after a day, with what it has left in the read model', async () => {
    const deliveries = () =>
      env.DB.prepare('SELECT COUNT(*) AS rows FROM deliveries WHERE tenant_id = ?')
        .bind(CANARY_TENANT)
        .first<number>('rows')
    await fly()
    await eventually('the read model to know it', async () => ((await deliveries()) ?? 0) > 0)
    ahead_ms += 26 * 60 * 60_000
    skip(26 * 60 * 60_000)
    await runCron('retention.rows')
    expect(await deliveries()).toBe(0)
  })
})

describe('the echo route', () => {
  it('believes the canary, and nobody who changes a byte of it', async () => {
    const { headers, bytes } = await flown()
    expect((await knock({ headers, bytes })).status).toBe(204)
    const forged = bytes.with(0, (bytes[0] ?? 0) ^ 1)
    expect((await knock({ headers, bytes: forged })).status).toBe(401)
  })

  it('refuses who signs nothing', async () => {
    await fly()
    expectProblem(await call('POST', '/canary/echo', { key: null, body: {} }), 401, 'verification_failed')
  })

  it('refuses a canary of long ago', async () => {
    const { headers, bytes } = await flown()
    skip(6 * 60_000)
    expect((await knock({ headers, bytes })).status).toBe(401)
  })

  it('refuses the messages of a tenant, however good their signature', async () => {
    await fly()
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ url: ECHO, retry_delays_s: [] })
    const id = await tenant.published()
    const { last_status } = await tenant.deliveryIn('dead', id, endpoint.id)
    expect(last_status).toBe(401)
  })

  it('is not there without CANARY_URL', async () => {
    Object.assign(readSettings(env), { canary_url: null })
    expectProblem(await call('POST', '/canary/echo', { key: null, body: {} }), 404, 'not_found')
  })
})

describe('the tenant of the canary', () => {
  it.each([
    ['GET', ''],
    ['PATCH', ''],
    ['DELETE', '?endpoints=delete'],
    ['GET', '/endpoints'],
    ['GET', `/endpoints/${CANARY_ENDPOINT}`],
    ['DELETE', `/endpoints/${CANARY_ENDPOINT}`],
    ['POST', '/messages'],
    ['POST', '/keys'],
    ['GET', '/deliveries'],
  ])('is nobody’s, the operator’s neither: %s %s', async (method, path) => {
    await fly()
    for (const written of [CANARY_TENANT, encodeURIComponent(CANARY_TENANT), '%7Ecanary']) {
      const body = method === 'GET' || method === 'DELETE' ? {} : { body: {} }
      expectProblem(await call(method, `/v1/tenants/${written}${path}`, body), 404, 'not_found')
    }
  })

  it('is in no list, and nobody can make one of its name', async () => {
    await fly()
    const { body } = await call('GET', '/v1/tenants?limit=100')
    expect(body.data.map(({ id }: Json) => id)).not.toContain(CANARY_TENANT)
    const made = await call('POST', '/v1/tenants', { body: { id: CANARY_TENANT, name: 'mine' } })
    expectProblem(made, 422, 'invalid_request')
  })
})
