import { describe, expect, it } from 'vitest'
import { createTenant, type Json, TenantHandle, useReceivers } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

const receivers = useReceivers()

const EVENT = { type: 'invoice.paid', data: {} }
const RAW = { type: 'invoice.paid', raw: '<a/>', content_type: 'application/xml' }

/** A tenant with an endpoint that must get nothing. */
async function withEndpoint(settings: Record<string, unknown> = {}): Promise<{ tenant: TenantHandle; endpoint: Json }> {
  const tenant = await createTenant(settings)
  return { tenant, endpoint: await tenant.endpoint() }
}

async function expectNothingAccepted(tenant: TenantHandle): Promise<void> {
  const [endpoint] = (await tenant.call('GET', '/endpoints')).body.data
  expect((await tenant.call('GET', `/deliveries?endpoint_id=${endpoint.id}`)).body.data).toEqual([])
  expect((await tenant.call('GET', '/messages')).body.data).toEqual([])
  expect(receivers.current.arrivals(endpoint.url)).toHaveLength(0)
}

describe('a message is refused', () => {
  it.each([
    ['no type', { data: {} }, 'type'],
    ['a type that is no text', { ...EVENT, type: 7 }, 'type'],
    ['a type with a space', { ...EVENT, type: 'invoice paid' }, 'type'],
    ['a type with a star', { ...EVENT, type: 'invoice.*' }, 'type'],
    ['a type of 129 characters', { ...EVENT, type: 'x'.repeat(129) }, 'type'],
    ['channels that are no list', { ...EVENT, channels: 'eu' }, 'channels'],
    ['a channel with a comma', { ...EVENT, channels: ['eu,us'] }, 'channels.0'],
    ['21 channels', { ...EVENT, channels: Array(21).fill('a') }, 'channels'],
    ['an empty ordering key', { ...EVENT, ordering_key: '' }, 'ordering_key'],
    ['an ordering key of 256 characters', { ...EVENT, ordering_key: 'x'.repeat(256) }, 'ordering_key'],
    ['an ordering key that is no text', { ...EVENT, ordering_key: 42 }, 'ordering_key'],
    ['a raw body that is no text', { ...RAW, raw: { a: 1 } }, 'raw'],
    ['a raw body without its type', { ...RAW, content_type: undefined }, 'content_type'],
    ['a raw body of no media type', { ...RAW, content_type: 'xml' }, 'content_type'],
    ['a media type with a line break', { ...RAW, content_type: 'text/plain;\r\nx-a: b' }, 'content_type'],
    ['a media type with one before its parameters', { ...RAW, content_type: 'text/plain\n;a=b' }, 'content_type'],
    ['a media type with one and a space', { ...RAW, content_type: 'text/plain \r\n ;a=b' }, 'content_type'],
    ['a media type with a line separator', { ...RAW, content_type: 'text/plain\u2028;a=b' }, 'content_type'],
    ['a media type that ends in a line break', { ...RAW, content_type: 'text/plain\n' }, 'content_type'],
  ])('with %s', async (_what, body, member) => {
    const { tenant } = await withEndpoint()
    const reply = await tenant.call('POST', '/messages', { body })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
    await expectNothingAccepted(tenant)
  })

  it.each([
    ['neither data nor raw', { type: 'a' }],
    ['both data and raw', { ...RAW, data: {} }],
    ['a list', [EVENT]],
    ['text', 'invoice.paid'],
    ['null', null],
  ])('that is %s', async (_what, body) => {
    const { tenant } = await withEndpoint()
    expectProblem(await tenant.call('POST', '/messages', { body }), 422, 'invalid_request')
    await expectNothingAccepted(tenant)
  })

  it.each(['id', 'timestamp', 'eventType', 'idempotency_key', 'payload'])(
    'with a member %s, which does not exist, naming it',
    async (name) => {
      const { tenant } = await withEndpoint()
      const reply = await tenant.call('POST', '/messages', { body: { ...EVENT, [name]: 'x' } })
      expectProblem(reply, 422, 'invalid_request')
      expect(reply.body.detail).toContain(name)
      await expectNothingAccepted(tenant)
    },
  )

  it.each(['', '{', '{"type":"a","data":}', "{'type':'a'}", 'type=a', '{"type":"a","data":1}}', '\u0000'])(
    'that is not JSON: %j',
    async (text) => {
      const { tenant } = await withEndpoint()
      expectProblem(await tenant.call('POST', '/messages', { text }), 400, 'invalid_json')
      await expectNothingAccepted(tenant)
    },
  )

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/xml', ''])(
    'that calls itself %j',
    async (type) => {
      const { tenant } = await withEndpoint()
      const options = { text: JSON.stringify(EVENT), headers: { 'content-type': type } }
      expectProblem(await tenant.call('POST', '/messages', options), 415, 'unsupported_media_type')
      await expectNothingAccepted(tenant)
    },
  )

  it('without a body', async () => {
    const { tenant } = await withEndpoint()
    expectProblem(await tenant.call('POST', '/messages'), 422, 'invalid_request')
  })

  it.each([
    ['with a space', 'order 1'],
    ['with a tab', 'order\t1'],
    ['of 256 characters', 'x'.repeat(256)],
    ['that is empty', ''],
  ])('with an Idempotency-Key %s', async (_what, key) => {
    const { tenant } = await withEndpoint()
    expectProblem(await tenant.publish({}, { 'idempotency-key': key }), 400, 'invalid_idempotency_key')
    await expectNothingAccepted(tenant)
  })

  it('with a message id of the future as its key', async () => {
    const { tenant } = await withEndpoint()
    const reply = await tenant.publish({}, { 'idempotency-key': `msg_7${'0'.repeat(25)}` })
    expectProblem(reply, 400, 'invalid_idempotency_key')
  })

  it('for a tenant that does not exist', async () => {
    expectProblem(await new TenantHandle(`t-${crypto.randomUUID()}`).publish(), 404, 'not_found')
  })
})

describe('a payload', () => {
  const escaped = '\\u0001'.repeat(1000)

  it.each([
    ['data', (length: number) => ({ data: 'x'.repeat(length - 2) })],
    ['raw', (length: number) => ({ data: undefined, raw: 'x'.repeat(length), content_type: 'text/plain' })],
  ])('may have 256 KiB of %s and not one byte more', async (_what, message) => {
    const { tenant, endpoint } = await withEndpoint()
    const reply = await tenant.publish(message(262_145))
    expectProblem(reply, 413, 'payload_too_large')
    await expectNothingAccepted(tenant)
    await tenant.deliveryIn('succeeded', await tenant.published(message(262_144)), endpoint.id)
  })

  it('may have what the operator allows, more or less', async () => {
    const { tenant, endpoint } = await withEndpoint({ limits: { payload_bytes: 1024 } })
    expectProblem(await tenant.publish({ data: 'x'.repeat(1023) }), 413, 'payload_too_large')
    await tenant.call('PATCH', '', { body: { limits: { payload_bytes: 1024 * 1024 } } })
    const message_id = await tenant.published({ data: 'x'.repeat(1024 * 1024 - 2) })
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
  })

  it('is measured in bytes, not in characters', async () => {
    const { tenant } = await withEndpoint({ limits: { payload_bytes: 1024 } })
    expectProblem(await tenant.publish({ data: 'ä'.repeat(512) }), 413, 'payload_too_large')
    expect((await tenant.publish({ data: 'ä'.repeat(511) })).status).toBe(202)
  })

  it('is measured as it will be sent, not as it was escaped', async () => {
    const { tenant } = await withEndpoint({ limits: { payload_bytes: 1024 } })
    const text = `{"type":"a","raw":"${escaped}","content_type":"text/plain"}`
    expect((await tenant.call('POST', '/messages', { text })).status).toBe(202)
  })

  it.each([
    ['of a message', '/messages', 3],
    ['of a batch', '/messages/batch', 10],
    ['of anything else', '/endpoints', 1],
  ])('%s stops being read once no tenant may send that much', async (_what, path, mebibytes) => {
    const { tenant } = await withEndpoint()
    const text = `{"type":"a","data":"${'x'.repeat(mebibytes * 1024 * 1024)}"}`
    expectProblem(await tenant.call('POST', path, { text }), 413, 'payload_too_large')
  })
})

describe('a full endpoint', () => {
  it('is named, and the message goes to those that have room', async () => {
    const tenant = await createTenant({ limits: { unfinished_per_endpoint: 1 } })
    const full = await tenant.endpoint()
    await tenant.call('POST', `/endpoints/${full.id}/disable`)
    await tenant.published()
    const free = await tenant.endpoint()
    const { status, body } = await tenant.publish({ data: 'second' })
    expect(status).toBe(202)
    expect(body.full).toEqual([full.id])
    expect(body.deliveries.map(({ endpoint_id }: Json) => endpoint_id)).toEqual([free.id])
  })

  it('refuses a message that would go nowhere else, and says when to come back', async () => {
    const { tenant, endpoint } = await withEndpoint({ limits: { unfinished_per_endpoint: 1 } })
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    await tenant.published()
    const reply = await tenant.publish({ data: 'second' })
    expectProblem(reply, 429, 'endpoint_full')
    expect(reply.headers.get('retry-after')).toMatch(/^\d+$/)
    expect(reply.body.endpoint_ids).toEqual([endpoint.id])
  })
})
