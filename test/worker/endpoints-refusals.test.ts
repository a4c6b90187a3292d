import { describe, expect, it } from 'vitest'
import { createTenant } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

const anUrl = () => `https://receiver.test/${crypto.randomUUID()}`

const MANY_HEADERS = Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`x-${n}`, 'v']))

/** Bad values, whether an endpoint is made with them or changed to them. */
const REFUSED: [string, Record<string, unknown>, string][] = [
  ['no text for a URL', { url: 7 }, 'url'],
  ['a URL of 2,049 characters', { url: `https://receiver.test/${'x'.repeat(2027)}` }, 'url'],
  ['no subscription at all', { event_types: [] }, 'event_types'],
  ['a pattern with a star inside a segment', { event_types: ['invoice.pa*'] }, 'event_types.0'],
  ['101 patterns', { event_types: Array(101).fill('a') }, 'event_types'],
  ['no channel, which would take nothing', { channels: [] }, 'channels'],
  ['a channel with a space', { channels: ['e u'] }, 'channels.0'],
  ['a timeout below a second', { timeout_ms: 999 }, 'timeout_ms'],
  ['a timeout above 30 s', { timeout_ms: 30_001 }, 'timeout_ms'],
  ['21 retries', { retry_delays_s: Array(21).fill(1) }, 'retry_delays_s'],
  ['a retry without delay', { retry_delays_s: [0] }, 'retry_delays_s.0'],
  ['a retry after more than a day', { retry_delays_s: [86_401] }, 'retry_delays_s.0'],
  ['nothing in flight', { max_in_flight: 0 }, 'max_in_flight'],
  ['101 in flight', { max_in_flight: 101 }, 'max_in_flight'],
  ['201 in flight with 2 lanes', { lanes: 2, max_in_flight: 201 }, 'max_in_flight'],
  ['a rate of 0', { rate_limit_per_s: 0 }, 'rate_limit_per_s'],
  ['an order that does not exist', { ordering: 'lifo' }, 'ordering'],
  ['a description of 1,001 characters', { description: 'x'.repeat(1001) }, 'description'],
  ['a filter of 8,193 characters', { filter: `"${'x'.repeat(8191)}"` }, 'filter'],
  ['an empty transform', { transform: '' }, 'transform'],
  ['a signature header of their own', { headers: { 'webhook-signature': 'v1,x' } }, 'headers.webhook-signature'],
  ['another host in the headers', { headers: { Host: 'internal' } }, 'headers.Host'],
  ['another length in the headers', { headers: { 'Content-Length': '0' } }, 'headers.Content-Length'],
  ['a header value with a line break', { headers: { 'x-a': 'b\r\nx-c: d' } }, 'headers.x-a'],
  ['a header name with a space', { headers: { 'x a': 'b' } }, 'headers.x a'],
  ['a header in two cases', { headers: { 'X-A': '1', 'x-a': '2' } }, 'headers.x-a'],
  ['21 headers', { headers: MANY_HEADERS }, 'headers'],
]

describe('an endpoint is refused', () => {
  it.each(REFUSED)('%s, when it is made', async (_what, fields, member) => {
    const tenant = await createTenant()
    const reply = await tenant.call('POST', '/endpoints', { body: { url: anUrl(), ...fields } })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
    expect((await tenant.call('GET', '/endpoints')).body.data).toEqual([])
  })

  it.each(REFUSED)('%s, when it is changed', async (_what, fields, member) => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint()
    const before = (await tenant.call('GET', `/endpoints/${id}`)).body
    const reply = await tenant.call('PATCH', `/endpoints/${id}`, { body: { description: 'changed', ...fields } })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
    expect((await tenant.call('GET', `/endpoints/${id}`)).body).toEqual(before)
  })

  it.each(['filter', 'transform'])('a %s that cannot be compiled, saying where', async (name) => {
    const reply = await (await createTenant()).call('POST', '/endpoints', { body: { url: anUrl(), [name]: 'data.(' } })
    expectProblem(reply, 422, 'invalid_expression')
    expect(blamed(reply)).toEqual([name])
    expect(reply.body.position).toBe(6)
  })

  it('no URL', async () => {
    const reply = await (await createTenant()).call('POST', '/endpoints', { body: { description: 'x' } })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual(['url'])
  })

  it.each(['id', 'status', 'disabled_reason', 'version', 'tenant_id', 'created_at', 'colour'])(
    'a member %s, which is not for callers to set',
    async (name) => {
      const tenant = await createTenant()
      const { id } = await tenant.endpoint()
      const made = await tenant.call('POST', '/endpoints', { body: { url: anUrl(), [name]: 'x' } })
      const changed = await tenant.call('PATCH', `/endpoints/${id}`, { body: { [name]: 'x' } })
      expectProblem(made, 422, 'invalid_request')
      expectProblem(changed, 422, 'invalid_request')
    },
  )

  it('when its tenant has as many as it may, however many are asked for at once', async () => {
    const tenant = await createTenant({ limits: { endpoints: 2 } })
    const replies = await Promise.all(
      Array.from({ length: 6 }, () => tenant.call('POST', '/endpoints', { body: { url: anUrl() } })),
    )
    const refused = replies.filter(({ status }) => status !== 201)
    expect(refused).toHaveLength(4)
    for (const reply of refused) expectProblem(reply, 422, 'limit_reached')
    expect((await tenant.call('GET', '/endpoints')).body.data).toHaveLength(2)
  })
})
