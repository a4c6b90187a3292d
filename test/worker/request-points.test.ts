/** One data point for each publish, request to a source and refusal. */
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { call, createTenant, useReceivers } from './harness.ts'
import { expectProblem } from './problem.ts'
import { createSource, send } from './sources.ts'

useReceivers()

let written: AnalyticsEngineDataPoint[] = []

beforeEach(() => {
  written = []
  vi.spyOn(env.REQUESTS, 'writeDataPoint').mockImplementation((point) => void (point && written.push(point)))
})

const pointsOf = (tenant_id: string) => written.filter(({ indexes }) => indexes?.[0] === tenant_id)

describe('a publish', () => {
  it('leaves its tenant, type, outcome, route and places', async () => {
    const tenant = await createTenant()
    await tenant.endpoint()
    await tenant.endpoint()
    await tenant.published({ type: 'invoice.paid' })
    expect(pointsOf(tenant.id)).toEqual([
      {
        indexes: [tenant.id],
        blobs: ['publish', 'invoice.paid', 'accepted', 'POST /v1/tenants/:tenant/messages', ''],
        doubles: [1, expect.any(Number), 202, 2],
      },
    ])
  })

  it('of a batch leaves a point for each outcome, not for each message', async () => {
    const tenant = await createTenant({ limits: { payload_bytes: 1024 } })
    const small = { type: 'a', data: {} }
    const large = { type: 'a', data: 'x'.repeat(2000) }
    const { status } = await tenant.call('POST', '/messages/batch', { body: { messages: [small, large, small] } })
    expect(status).toBe(200)
    expect(pointsOf(tenant.id).map(({ blobs, doubles }) => [blobs?.[2], doubles?.[0]])).toEqual([
      ['accepted', 2],
      ['payload_too_large', 1],
    ])
  })

  it('succeeds although Analytics Engine is down', async () => {
    for (const level of ['warn', 'error'] as const) vi.spyOn(console, level).mockImplementation(() => {})
    vi.mocked(env.REQUESTS.writeDataPoint).mockImplementation(() => {
      throw new Error('Analytics Engine is down')
    })
    const tenant = await createTenant()
    const { status } = await tenant.call('POST', '/messages', { body: { type: 'a', data: {} } })
    expect(status).toBe(202)
  })
})

describe('a refusal', () => {
  it('leaves the code and the pattern of the route', async () => {
    const tenant = await createTenant()
    expectProblem(await tenant.call('GET', '/endpoints/ep_none'), 404, 'not_found')
    expect(pointsOf(tenant.id)).toEqual([
      {
        indexes: [tenant.id],
        blobs: ['refusal', '', 'not_found', 'GET /v1/tenants/:tenant/endpoints/:endpoint', ''],
        doubles: [1, 0, 404, 0],
      },
    ])
  })

  it('names no tenant that a stranger has written into the path', async () => {
    const tenant = await createTenant()
    expectProblem(await call('GET', `${tenant.path}/endpoints`, { key: 'pst_made_up' }), 401, 'unauthorized')
    expect(pointsOf(tenant.id)).toEqual([])
    expect(pointsOf('').map(({ blobs }) => blobs?.[2])).toEqual(['unauthorized'])
  })

  it('of a foreign tenant names neither', async () => {
    const [mine, theirs] = [await createTenant(), await createTenant()]
    const key = await mine.key('admin')
    written = []
    expectProblem(await call('GET', `${theirs.path}/endpoints`, { key }), 404, 'not_found')
    expect(written.map(({ indexes }) => indexes)).toEqual([['']])
  })
})

describe('a request to a source', () => {
  it('leaves the source and the type that its event has become, and again as a duplicate', async () => {
    const tenant = await createTenant()
    await tenant.endpoint()
    const source = await createSource(tenant, 'github')
    const sending = { id: crypto.randomUUID() }
    for (const _time of ['first', 'again']) expect((await send(source, sending)).status).toBe(200)
    const points = pointsOf(tenant.id)
    expect(points.map(({ blobs }) => blobs?.[2])).toEqual(['accepted', 'duplicate'])
    expect(points[0]?.blobs).toEqual([
      'ingest',
      expect.stringMatching(/^github\./),
      'accepted',
      'POST /in/:source',
      source.id,
    ])
  })

  it('leaves why it was not believed', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const tenant = await createTenant()
    const source = await createSource(tenant, 'github')
    const answer = await call('POST', `/in/${source.id}`, { key: null, body: {} })
    expectProblem(answer, 401, 'verification_failed')
    expect(pointsOf(tenant.id).map(({ blobs }) => [blobs?.[0], blobs?.[2]])).toEqual([['ingest', 'missing_signature']])
  })
})
