import { describe, expect, it } from 'vitest'
import { createTenant, type Json, useReceivers } from './harness.ts'
import { expectProblem } from './problem.ts'

const receivers = useReceivers()

const SCHEDULE_S = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
const anUrl = () => `https://receiver.test/${crypto.randomUUID()}`

describe('an endpoint', () => {
  it('needs only a URL, and is then called as the Standard Webhooks recommend', async () => {
    const tenant = await createTenant()
    const url = anUrl()
    const { status, body } = await tenant.call('POST', '/endpoints', { body: { url } })
    expect(status).toBe(201)
    const { secret, public_key, ...shown } = body
    expect(shown).toEqual({
      id: expect.stringMatching(/^ep_[0-9A-HJKMNP-TV-Z]{26}$/),
      url,
      description: '',
      event_types: ['*'],
      channels: null,
      headers: {},
      timeout_ms: 15_000,
      retry_delays_s: SCHEDULE_S,
      max_in_flight: 10,
      rate_limit_per_s: null,
      ordering: 'none',
      lanes: 1,
      filter: null,
      transform: null,
      status: 'enabled',
      disabled_reason: null,
      disabled_at: null,
      created_at: expect.any(String),
      updated_at: shown.created_at,
    })
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(public_key).toBeNull()
    expect((await tenant.call('GET', `/endpoints/${body.id}`)).body).toEqual(shown)
  })

  it('keeps whatever it was given', async () => {
    const tenant = await createTenant()
    const wanted = {
      url: anUrl(),
      description: 'billing',
      event_types: ['invoice.*', 'user.created'],
      channels: ['eu', 'de:berlin'],
      headers: { 'x-team': 'billing' },
      timeout_ms: 1000,
      retry_delays_s: [],
      max_in_flight: 100,
      rate_limit_per_s: 10,
      ordering: 'key',
      filter: 'data.amount > 100',
      transform: '{"n": data.amount}',
    }
    const { id } = await tenant.endpoint(wanted)
    expect((await tenant.call('GET', `/endpoints/${id}`)).body).toMatchObject(wanted)
  })

  it('is called by the URL as the parser writes it, with header names in lower case', async () => {
    const tenant = await createTenant()
    const made = await tenant.endpoint({ url: 'HTTPS://Receiver.TEST:443/a/../b', headers: { 'X-Team': 'A b' } })
    expect(made).toMatchObject({ url: 'https://receiver.test/b', headers: { 'x-team': 'A b' } })
    await tenant.deliveryIn('succeeded', await tenant.published(), made.id)
    expect(receivers.current.arrivals('https://receiver.test/b')[0]?.headers.get('x-team')).toBe('A b')
  })

  it('is listed newest first, page by page, without its secret', async () => {
    const tenant = await createTenant()
    const made: Json[] = []
    for (let n = 0; n < 3; n++) made.push(await tenant.endpoint())
    const first = (await tenant.call('GET', '/endpoints?limit=2')).body
    const second = (await tenant.call('GET', `/endpoints?limit=2&cursor=${first.next_cursor}`)).body
    expect([first.data.length, second.data.length, second.next_cursor]).toEqual([2, 1, null])
    const listed: Json[] = [...first.data, ...second.data]
    expect(listed.map(({ id }) => id)).toEqual(
      made
        .map(({ id }) => id)
        .toSorted()
        .reverse(),
    )
    for (const endpoint of listed) expect(Object.keys(endpoint).filter((name) => /secret|key/.test(name))).toEqual([])
  })

  it('changes in what is named, and its next delivery goes by that', async () => {
    const tenant = await createTenant()
    const { secret: _secret, public_key: _none, ...before } = await tenant.endpoint({ description: 'old' })
    const url = anUrl()
    const { status, body } = await tenant.call('PATCH', `/endpoints/${before.id}`, { body: { url, max_in_flight: 3 } })
    expect(status).toBe(200)
    expect(body).toEqual({ ...before, url, max_in_flight: 3, updated_at: body.updated_at })
    await tenant.deliveryIn('succeeded', await tenant.published(), before.id)
    expect(receivers.current.arrivals(url)).toHaveLength(1)
    expect(receivers.current.arrivals(before.url)).toHaveLength(0)
  })

  it('survives changes of different members at once', async () => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint()
    const changes = [{ description: 'new' }, { timeout_ms: 2000 }, { event_types: ['a.*'] }, { channels: ['eu'] }]
    await Promise.all(changes.map((body) => tenant.call('PATCH', `/endpoints/${id}`, { body })))
    expect((await tenant.call('GET', `/endpoints/${id}`)).body).toMatchObject(Object.assign({}, ...changes))
  })

  it('is gone once deleted, with its deliveries, and gets nothing more', async () => {
    const tenant = await createTenant()
    const { id, url } = await tenant.endpoint()
    const message_id = await tenant.published()
    await tenant.deliveryIn('succeeded', message_id, id)
    expect((await tenant.call('DELETE', `/endpoints/${id}`)).status).toBe(204)
    expectProblem(await tenant.call('GET', `/endpoints/${id}`), 404, 'not_found')
    expectProblem(await tenant.call('GET', `/deliveries/${message_id}.${id}`), 404, 'not_found')
    expect((await tenant.publish()).body.deliveries).toEqual([])
    expect(receivers.current.arrivals(url)).toHaveLength(1)
  })

  it('may be deleted while it is being called', async () => {
    const tenant = await createTenant()
    const { id, url } = await tenant.endpoint({ timeout_ms: 1000 })
    receivers.current.hang(url)
    await tenant.deliveryIn('delivering', await tenant.published(), id)
    expect((await tenant.call('DELETE', `/endpoints/${id}`)).status).toBe(204)
    expectProblem(await tenant.call('DELETE', `/endpoints/${id}`), 404, 'not_found')
    expect((await tenant.call('GET', '/endpoints')).body.data).toEqual([])
  })
})

/** Every route below an endpoint. */
const BELOW: [string, string, unknown][] = [
  ['GET', '', undefined],
  ['PATCH', '', { description: 'mine' }],
  ['DELETE', '', undefined],
  ['POST', '/enable', { parked: 'cancel' }],
  ['POST', '/disable', undefined],
  ['POST', '/test', undefined],
  ['GET', '/secret', undefined],
  ['POST', '/secret/rotate', undefined],
  ['POST', '/replay', { since: '2020-01-01T00:00:00Z' }],
  ['GET', '/breaker', undefined],
  ['POST', '/breaker/reset', undefined],
]

describe('an endpoint that is not there', () => {
  it.each(BELOW)('answers %s %s with 404', async (method, suffix, body) => {
    const tenant = await createTenant()
    expectProblem(await tenant.call(method, `/endpoints/ep_none${suffix}`, { body }), 404, 'not_found')
  })
})

describe('an endpoint of another tenant', () => {
  it.each(BELOW)('is out of reach of %s %s, and unharmed', async (method, suffix, body) => {
    const [tenant, other] = [await createTenant(), await createTenant()]
    const { id, url } = await other.endpoint()
    const before = (await other.call('GET', `/endpoints/${id}`)).body
    const key = await tenant.key('admin')
    const foreign = await tenant.call(method, `/endpoints/${id}${suffix}`, { key, body })
    const absent = await tenant.call(method, `/endpoints/ep_none${suffix}`, { key, body })
    expectProblem(foreign, 404, 'not_found')
    expect({ ...foreign.body, request_id: '' }).toEqual({ ...absent.body, request_id: '' })
    expect((await other.call('GET', `/endpoints/${id}`)).body).toEqual(before)
    expect(receivers.current.arrivals(url)).toHaveLength(0)
  })
})
