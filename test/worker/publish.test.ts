import { describe, expect, it } from 'vitest'
import { NESTING_MAX } from '../../src/lib/strict-json.ts'
import { type Arrival, createTenant, eventually, type Json, type TenantHandle, useReceivers } from './harness.ts'

const receivers = useReceivers()

/** What arrived at an endpoint first. */
function arrivalAt({ url }: Json): Promise<Arrival> {
  return eventually('something to arrive', () => receivers.current.arrivals(url)[0])
}

async function endpointIdsOf(tenant: TenantHandle, message: Record<string, unknown>): Promise<string[]> {
  const { status, body } = await tenant.publish(message)
  expect(status, JSON.stringify(body)).toBe(202)
  return body.deliveries.map(({ endpoint_id }: Json) => endpoint_id)
}

describe('a published message', () => {
  it('is accepted with the deliveries that it makes, and arrives as the Standard Webhooks recommend', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const { status, body } = await tenant.publish({ type: 'invoice.paid', data: { amount: 42 } })
    expect(status).toBe(202)
    expect(body).toEqual({
      id: expect.stringMatching(/^msg_[0-9A-HJKMNP-TV-Z]{26}$/),
      type: 'invoice.paid',
      accepted_at: expect.stringMatching(/Z$/),
      deliveries: [{ id: `${body.id}.${endpoint.id}`, endpoint_id: endpoint.id, state: 'pending' }],
      full: [],
      duplicate: false,
      warnings: [],
    })
    const arrival = await arrivalAt(endpoint)
    expect(JSON.parse(arrival.body)).toEqual({
      type: 'invoice.paid',
      timestamp: body.accepted_at,
      data: { amount: 42 },
    })
    expect(Object.fromEntries(arrival.headers)).toMatchObject({
      'webhook-id': body.id,
      'webhook-timestamp': expect.stringMatching(/^\d{10}$/),
      'content-type': 'application/json',
      'user-agent': expect.stringMatching(/^Postern\//),
      'postern-attempt': '1',
    })
  })

  it('goes to every endpoint that subscribed, once to each', async () => {
    const tenant = await createTenant()
    const endpoints = await Promise.all(Array.from({ length: 5 }, () => tenant.endpoint()))
    const ids = await endpointIdsOf(tenant, {})
    expect(ids.toSorted()).toEqual(endpoints.map(({ id }) => id).toSorted())
    for (const endpoint of endpoints) await arrivalAt(endpoint)
  })

  it('goes to no endpoint of another tenant', async () => {
    const [tenant, other] = [await createTenant(), await createTenant()]
    const [own, foreign] = [await tenant.endpoint(), await other.endpoint()]
    expect(await endpointIdsOf(tenant, {})).toEqual([own.id])
    await arrivalAt(own)
    expect(receivers.current.arrivals(foreign.url)).toHaveLength(0)
  })

  it('that nobody subscribed to is accepted and listed, and says that it goes nowhere', async () => {
    const tenant = await createTenant()
    await tenant.endpoint({ event_types: ['user.*'] })
    const { status, body } = await tenant.publish({ type: 'invoice.paid' })
    expect([status, body.deliveries, body.full, body.duplicate]).toEqual([202, [], [], false])
    const listed = (await tenant.call('GET', '/messages')).body.data
    expect(listed).toEqual([{ id: body.id, type: 'invoice.paid', accepted_at: body.accepted_at, deliveries: 0 }])
    expect((await tenant.call('GET', `/messages/${body.id}/deliveries`)).body).toEqual({ data: [] })
  })

  it('is seen by an endpoint made just before it', async () => {
    const tenant = await createTenant()
    await tenant.published()
    const { id } = await tenant.endpoint()
    expect(await endpointIdsOf(tenant, {})).toEqual([id])
  })
})

describe('a subscription', () => {
  it.each([
    ['*', 'invoice.paid', true],
    ['*', 'ping', true],
    ['invoice.paid', 'invoice.paid', true],
    ['invoice.paid', 'invoice.paid.twice', false],
    ['invoice.paid', 'Invoice.paid', false],
    ['invoice.*', 'invoice.paid', true],
    ['invoice.*', 'invoice.line.added', true],
    ['invoice.*', 'invoice', false],
    ['invoice.*', 'invoices.paid', false],
    ['*.paid', 'invoice.paid', true],
    ['*.paid', 'eu.invoice.paid', false],
    ['a.*.c', 'a.b.c', true],
    ['a.*.c', 'a.b.b.c', false],
  ])('to %s and a message %s: %s', async (pattern, type, is_wanted) => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint({ event_types: ['never', pattern] })
    expect(await endpointIdsOf(tenant, { type })).toEqual(is_wanted ? [id] : [])
  })

  it.each([
    [null, [], true],
    [null, ['eu'], true],
    [['eu'], [], true],
    [['eu'], ['eu'], true],
    [['eu'], ['us'], false],
    [['eu', 'us'], ['us', 'asia'], true],
    [['eu'], ['EU'], false],
  ])('to channels %j and a message of channels %j: %s', async (wanted, channels, is_wanted) => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint({ channels: wanted })
    expect(await endpointIdsOf(tenant, { channels })).toEqual(is_wanted ? [id] : [])
  })
})

describe('a raw body', () => {
  it.each([
    ['XML', 'application/xml', '<a>\r\n  <b/>\n</a>\n'],
    ['JSON in somebody’s own layout', 'application/json', '{ "b":1.0,\n\t"a": 1e2 , "a":2}'],
    ['text in many scripts', 'text/plain; charset=utf-8', 'Grüße, 日本語, \u{1f600}, \u0000 and \u2028'],
    ['a byte order mark', 'text/csv', '\ufeffa,b\r\n'],
    ['nothing', 'text/plain', ''],
    ['a form', 'application/x-www-form-urlencoded', 'a=1&b=%20+'],
  ])('of %s arrives byte for byte, as what it is', async (_what, content_type, raw) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await tenant.published({ data: undefined, raw, content_type })
    const { bytes, headers } = await arrivalAt(endpoint)
    expect(bytes).toEqual(new TextEncoder().encode(raw))
    expect(headers.get('content-type')).toBe(content_type)
  })

  it('too large for a row goes by way of R2 and arrives the same', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const raw = 'ä🙂x'.repeat(30_000)
    await tenant.published({ data: undefined, raw, content_type: 'text/plain' })
    const { bytes } = await arrivalAt(endpoint)
    expect(bytes).toEqual(new TextEncoder().encode(raw))
  })
})

describe('data', () => {
  it.each([
    ['an integer beyond 2^53', '9007199254740993'],
    ['an integer of 30 digits', '123456789012345678901234567890'],
    ['a fraction of 25 digits', '0.1234567890123456789012345'],
    ['a number beyond the largest double', '1e400'],
    ['a number in scientific notation', '-1.50E-7'],
    ['one of them deep inside', '{"a":[{"b":9007199254740993}]}'],
    ['text with escapes', '"\\u0000 \\ud83d\\ude00 \\\\ \\" é"'],
    ['a member that JavaScript treats specially', '{"__proto__":{"a":1},"constructor":1}'],
    ['null', 'null'],
    ['false', 'false'],
    ['an empty list', '[]'],
    ['bare text', '"text"'],
  ])('arrives to the last digit: %s', async (_what, json) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const { status } = await tenant.call('POST', '/messages', { text: `{"type":"a","data":${json}}` })
    expect(status).toBe(202)
    const { body } = await arrivalAt(endpoint)
    const data = body.slice(body.indexOf('"data":') + '"data":'.length, -1)
    expect(JSON.parse(data)).toEqual(JSON.parse(json))
    if (/\d/.test(json) && !json.includes('\\')) expect(data).toBe(json)
  })

  it('arrives as deep as a body may be nested', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const json = `${'['.repeat(NESTING_MAX - 1)}${']'.repeat(NESTING_MAX - 1)}`
    expect((await tenant.call('POST', '/messages', { text: `{"type":"a","data":${json}}` })).status).toBe(202)
    expect((await arrivalAt(endpoint)).body).toContain(`"data":${json}}`)
  })
})
