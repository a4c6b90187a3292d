/** `GET /metrics`, as Prometheus reads it. */
import { env } from 'cloudflare:workers'
import parse from 'parse-prometheus-text-format'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { call, createTenant, eventually, type Json, skip, type TenantHandle, useReceivers } from './harness.ts'
import { expectProblem } from './problem.ts'
import { createSource } from './sources.ts'

const receivers = useReceivers()

/** Longer than numbers are kept for who asks again. */
const ANEW_MS = 11_000
/** Longer than old numbers serve, whatever a test before has skipped. */
const TOO_OLD_MS = 60 * 60_000

let tests = 0

beforeEach(() => skip(TOO_OLD_MS * ++tests))

async function scrape() {
  const reply = await call('GET', '/metrics')
  expect(reply.status, JSON.stringify(reply.body)).toBe(200)
  const families = parse(reply.body)
  const valuesOf = (name: string, labels: Record<string, string> = {}) =>
    families
      .find((family) => family.name === name)
      ?.metrics.filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels?.[label] === value))
      .map(({ value }) => Number(value))
  return { reply, families, valuesOf }
}

/** Scrapes, each time as if the last time were long ago, until it shows this. */
async function scrapedUntil(name: string, labels: Record<string, string>, wanted: number) {
  return eventually(`${name} to be ${wanted}`, async () => {
    skip(ANEW_MS)
    const { valuesOf } = await scrape()
    return valuesOf(name, labels)?.[0] === wanted && valuesOf
  })
}

async function failing(tenant: TenantHandle, settings: Record<string, unknown>) {
  const endpoint = await tenant.endpoint(settings)
  receivers.current.become(endpoint.url, 500)
  return endpoint
}

describe('what is answered', () => {
  it('is OpenMetrics, which nobody keeps', async () => {
    const { reply, families } = await scrape()
    expect(reply.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
    expect(reply.headers.get('cache-control')).toBe('no-store')
    expect(reply.body.endsWith('\n# EOF\n')).toBe(true)
    expect(
      families.every(({ name, help, type }) => name.startsWith('postern_') && help !== '' && type === 'GAUGE'),
    ).toBe(true)
  })

  it('is for operators', async () => {
    const tenant = await createTenant()
    expectProblem(await call('GET', '/metrics', { key: await tenant.key('admin') }), 403, 'forbidden')
    expectProblem(await call('GET', '/metrics', { key: null }), 401, 'unauthorized')
  })

  it('is all that a key made for it can read', async () => {
    const { body } = await call('POST', '/v1/keys', { body: { name: 'prometheus', scopes: ['metrics.read'] } })
    expect((await call('GET', '/metrics', { key: body.key })).status).toBe(200)
    expectProblem(await call('GET', '/v1/tenants', { key: body.key }), 403, 'forbidden')
  })
})

describe('the numbers of a tenant', () => {
  it('show what waits for a retry, and since when', async () => {
    const tenant = await createTenant()
    await failing(tenant, { retry_delays_s: [3600] })
    await tenant.published()
    await tenant.published()
    const valuesOf = await scrapedUntil('postern_deliveries', { tenant: tenant.id, state: 'waiting' }, 2)
    const [age_s = 0] = valuesOf('postern_oldest_waiting_age_seconds', { tenant: tenant.id }) ?? []
    expect(age_s).toBeGreaterThan(0)
    expect(age_s).toBeLessThan(3600)
  })

  it('show what died', async () => {
    const tenant = await createTenant()
    await failing(tenant, { retry_delays_s: [] })
    await tenant.published()
    await scrapedUntil('postern_deliveries', { tenant: tenant.id, state: 'dead' }, 1)
    await scrapedUntil('postern_dead_letters', { tenant: tenant.id }, 1)
  })

  it('show endpoints, and those that are disabled', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await tenant.endpoint()
    expect((await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)).status).toBe(200)
    const valuesOf = await scrapedUntil('postern_endpoints_disabled', { tenant: tenant.id }, 1)
    expect(valuesOf('postern_endpoints', { tenant: tenant.id })).toEqual([2])
  })

  it('show sources that believe nothing any more', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const tenant = await createTenant()
    const source = await createSource(tenant, 'github')
    for (let i = 0; i < 10; i++) await call('POST', `/in/${source.id}`, { key: null, body: {} })
    await eventually('its failures to be written', async () => {
      const { data } = (await tenant.call('GET', `/sources/${source.id}/failures`)).body
      return data.reduce((sum: number, { count }: Json) => sum + count, 0) === 10
    })
    skip(ANEW_MS)
    expect((await scrape()).valuesOf('postern_sources_failing', { tenant: tenant.id })).toEqual([1])
  })

  it('go with the tenant', async () => {
    const tenant = await createTenant()
    await scrapedUntil('postern_endpoints', { tenant: tenant.id }, 0)
    expect((await tenant.call('DELETE', '')).status).toBe(204)
    skip(ANEW_MS)
    expect((await scrape()).valuesOf('postern_endpoints', { tenant: tenant.id })).toEqual([])
  })
})

describe('the database', () => {
  it('is asked once in ten seconds, in one call, however often somebody scrapes', async () => {
    const batch = vi.spyOn(env.DB, 'batch')
    for (let i = 0; i < 5; i++) await scrape()
    expect(batch).toHaveBeenCalledTimes(1)
    skip(ANEW_MS)
    await scrape()
    expect(batch).toHaveBeenCalledTimes(2)
  })

  it('finds deliveries by the index of those that did not succeed, whoever has how many', async () => {
    const prepare = vi.spyOn(env.DB, 'prepare')
    await scrape()
    const sql = prepare.mock.calls.map(([text]) => text).find((text) => text.includes('deliveries_unsuccessful')) ?? ''
    prepare.mockRestore()
    const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`).bind(1, 1).all<{ detail: string }>()
    const steps = results.map(({ detail }) => detail)
    expect(steps.filter((step) => /\bdeliveries\b/.test(step))).toHaveLength(4)
    for (const step of steps.filter((text) => /\bdeliveries\b/.test(text)))
      expect(step).toMatch(
        /^SEARCH deliveries USING (COVERING )?INDEX deliveries_unsuccessful \(tenant_id=\? AND state=\?/,
      )
    expect(steps.filter((step) => step.includes('TEMP B-TREE'))).toEqual([])
  })

  it('may be down for a minute: the last numbers serve, and say how old they are', async () => {
    for (const level of ['warn', 'error'] as const) vi.spyOn(console, level).mockImplementation(() => {})
    const before = (await scrape()).valuesOf('postern_read_timestamp_seconds')
    vi.spyOn(env.DB, 'batch').mockRejectedValue(new Error('D1_ERROR: down'))
    skip(ANEW_MS)
    expect((await scrape()).valuesOf('postern_read_timestamp_seconds')).toEqual(before)
  })

  it('is not waited for any longer than a scrape may take', async () => {
    for (const level of ['warn', 'error'] as const) vi.spyOn(console, level).mockImplementation(() => {})
    vi.spyOn(env.DB, 'batch').mockReturnValue(new Promise<never>(() => {}))
    const reply = await call('GET', '/metrics')
    expectProblem(reply, 503, 'unavailable')
    expect(reply.headers.get('retry-after')).toMatch(/^\d+$/)
  })
})
