/** The inbound door: from a provider's request to what the tenant's endpoints get. */
import { env } from 'cloudflare:workers'
import { verify } from '@octokit/webhooks-methods'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it, vi } from 'vitest'
import { SAMPLERS } from '../../scripts/samples.ts'
import { createTenant, eventually, type Json, type TenantHandle, useReceivers } from './harness.ts'
import { createSource, deliver, send, signed } from './sources.ts'

const receivers = useReceivers()
const MIB = 1024 * 1024

async function tenantWithEndpoint(settings: Record<string, unknown> = {}) {
  const tenant = await createTenant()
  return { tenant, endpoint: await tenant.endpoint(settings) }
}

const arrivalAt = (endpoint: Json, nth = 0) =>
  eventually('the event to arrive', () => receivers.current.arrivals(endpoint.url)[nth])

async function messagesOf(tenant: TenantHandle, count: number): Promise<Json[]> {
  return eventually(`${count} messages to be listed`, async () => {
    const { data } = (await tenant.call('GET', '/messages')).body
    return data.length === count && data
  })
}

describe('an event that a provider has signed', () => {
  it('is answered with the message that it became, and delivered to the byte', async () => {
    const { tenant, endpoint } = await tenantWithEndpoint()
    const source = await createSource(tenant, 'stripe')
    const { request, body } = await signed(source, { type: 'invoice.paid' })
    const reply = await deliver(request)
    expect(reply).toMatchObject({
      status: 200,
      body: { message_id: expect.stringMatching(/^msg_Z/), duplicate: false },
    })
    const arrival = await arrivalAt(endpoint)
    expect(arrival.bytes).toEqual(body)
    expect(arrival.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(arrival.headers.get('webhook-id')).toBe(reply.body.message_id)
    expect((await messagesOf(tenant, 1))[0]).toMatchObject({ id: reply.body.message_id, type: 'stripe.invoice.paid' })
  })

  it('can be verified by its receiver twice: as Postern signs, and as the provider has signed', async () => {
    const { tenant, endpoint } = await tenantWithEndpoint()
    const source = await createSource(tenant, 'github')
    await send(source)
    const { headers, body } = await arrivalAt(endpoint)
    expect(new Webhook(endpoint.secret).verify(body, Object.fromEntries(headers))).toHaveProperty('repository')
    const signature = headers.get('x-hub-signature-256') ?? ''
    expect(await verify(source.invented.signing_key, body, signature)).toBe(true)
  })

  it('brings the headers that matter, names its source, and brings no other header', async () => {
    const { tenant, endpoint } = await tenantWithEndpoint()
    const source = await createSource(tenant, 'github')
    await send(source, { type: 'push', id: 'a-b', headers: { cookie: 'a=b', 'x-forwarded-for': '1.2.3.4' } })
    const { headers } = await arrivalAt(endpoint)
    expect(headers.get('x-github-event')).toBe('push')
    expect(headers.get('x-github-delivery')).toBe('a-b')
    expect(headers.get('x-hub-signature-256')).toMatch(/^sha256=/)
    expect(headers.get('postern-source')).toBe(source.id)
    expect(headers.has('cookie')).toBe(false)
    expect(headers.has('x-forwarded-for')).toBe(false)
  })

  it('goes only to endpoints that want its type, its channel and its data', async () => {
    const tenant = await createTenant()
    const [all, paid, other, eu, us, rich] = await Promise.all([
      tenant.endpoint(),
      tenant.endpoint({ event_types: ['stripe.invoice.*'] }),
      tenant.endpoint({ event_types: ['github.*'] }),
      tenant.endpoint({ channels: ['eu'] }),
      tenant.endpoint({ channels: ['us'] }),
      tenant.endpoint({ filter: 'data.data.object.amount_paid > 1000 and headers."postern-source" != null' }),
    ])
    const source = await createSource(tenant, 'stripe', { channels: ['eu'] })
    const { body } = await send(source, { type: 'invoice.paid' })
    const deliveries = (await tenant.call('GET', `/messages/${body.message_id}/deliveries`)).body.data
    const ids = deliveries.map(({ endpoint_id }: Json) => endpoint_id).sort()
    expect(ids).toEqual([all.id, paid.id, eu.id, rich.id].sort())
    expect(ids).not.toContain(other.id)
    expect(ids).not.toContain(us.id)
  })

  it('has a type that begins as the source says', async () => {
    const { tenant } = await tenantWithEndpoint()
    const source = await createSource(tenant, 'stripe', { event_type_prefix: 'billing.eu' })
    await send(source, { type: 'invoice.paid' })
    expect((await messagesOf(tenant, 1))[0].type).toBe('billing.eu.invoice.paid')
  })

  it('is kept when no endpoint wants it, with its headers, and can be sent to one later', async () => {
    const tenant = await createTenant()
    const source = await createSource(tenant, 'github')
    const { request, body } = await signed(source, { type: 'push' })
    const { message_id } = (await deliver(request)).body
    const endpoint = await tenant.endpoint()
    const replay = await tenant.call('POST', `/messages/${message_id}/replay`, {
      body: { endpoint_ids: [endpoint.id] },
    })
    expect(replay.status).toBe(202)
    const arrival = await arrivalAt(endpoint)
    expect(arrival.bytes).toEqual(body)
    expect(arrival.headers.get('x-github-event')).toBe('push')
  })

  it.each([
    ['empty', new Uint8Array(0)],
    ['not UTF-8', Uint8Array.of(0xff, 0xfe, 0x00, 0x80)],
    ['no JSON', new TextEncoder().encode('hello')],
    ['of 25 MiB', new Uint8Array(25 * MIB).fill(0x20)],
  ])('is delivered to the byte though its body is %s', async (_what, body) => {
    const { tenant, endpoint } = await tenantWithEndpoint()
    const source = await createSource(tenant, 'stripe')
    const reply = await send(source, { body })
    expect(reply.status).toBe(200)
    const arrival = await arrivalAt(endpoint)
    expect(arrival.bytes.length).toBe(body.length)
    expect(Buffer.from(arrival.bytes).equals(body)).toBe(true)
    expect((await messagesOf(tenant, 1))[0].type).toBe('stripe.unknown')
  })

  it('is not shown by the API where it has more than 4 MiB, which an isolate could not bear', async () => {
    const { tenant } = await tenantWithEndpoint()
    const source = await createSource(tenant, 'stripe')
    const get = vi.spyOn(env.PAYLOADS, 'get')
    for (const [size, shown] of [
      [4 * MIB, { payload: ' '.repeat(4 * MIB), payload_omitted: null }],
      [4 * MIB + 1, { payload: null, payload_omitted: 'too_large' }],
    ] as const) {
      const { message_id } = (await send(source, { body: new Uint8Array(size).fill(0x20) })).body
      await messagesOf(tenant, size === 4 * MIB ? 1 : 2)
      get.mockClear()
      const { body } = await tenant.call('GET', `/messages/${message_id}`)
      expect({ payload: body.payload, payload_omitted: body.payload_omitted }).toEqual(shown)
      expect(body.size_bytes).toBe(size)
    }
    expect(get).not.toHaveBeenCalled()
  })

  it('passes a filter that cannot read it, since it is too large, and says so', async () => {
    const { tenant, endpoint } = await tenantWithEndpoint({ filter: 'data.a = 1' })
    const source = await createSource(tenant, 'stripe')
    const { body } = await send(source, { body: new Uint8Array(3 * MIB).fill(0x20) })
    const delivery = await tenant.deliveryIn('succeeded', body.message_id, endpoint.id)
    expect(delivery.reason).toMatch(/^filter_failed: the body has 3145728 bytes/)
  })
})

it('an endpoint that is full keeps an event from no other, and is named in the log', async () => {
  const tenant = await createTenant({ limits: { unfinished_per_endpoint: 1 } })
  const [full, other] = [await tenant.endpoint(), await tenant.endpoint({ event_types: ['stripe.*'] })]
  const letGo = receivers.current.hold(full.url)
  await tenant.published()
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const source = await createSource(tenant, 'stripe')
  const reply = await send(source)
  expect(reply).toMatchObject({ status: 200, body: { duplicate: false } })
  await arrivalAt(other)
  const lines = warn.mock.calls.map(([line]) => JSON.parse(String(line)))
  expect(lines.filter(({ message }) => message === 'source.endpoints_full')).toMatchObject([
    { tenant_id: tenant.id, source_id: source.id, message_id: reply.body.message_id, endpoint_ids: [full.id] },
  ])
  await tenant.call('DELETE', `/endpoints/${other.id}`)
  expect(await send(source)).toMatchObject({ status: 429, body: { code: 'endpoint_full' } })
  letGo()
})

describe('an event that a provider sends again', () => {
  it('is answered as a duplicate, and delivered once, however it is written the second time', async () => {
    const { tenant, endpoint } = await tenantWithEndpoint()
    const source = await createSource(tenant, 'stripe')
    const body = (pending_webhooks: number) => JSON.stringify({ id: 'evt_1', type: 'a.b', pending_webhooks })
    const first = await send(source, { body: body(2) })
    const again = await send(source, { body: body(1) })
    expect(again).toMatchObject({ status: 200, body: { message_id: first.body.message_id, duplicate: true } })
    await tenant.deliveryIn('succeeded', first.body.message_id, endpoint.id)
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(1)
  })

  it('leaves the first sending as it was, also where that is large and one endpoint still waits for it', async () => {
    const { tenant, endpoint } = await tenantWithEndpoint()
    const other = await tenant.endpoint()
    for (const { url } of [endpoint, other]) receivers.current.become(url, 500)
    const source = await createSource(tenant, 'stripe')
    const body = (pending_webhooks: number) =>
      JSON.stringify({ id: 'evt_1', type: 'a.b', pending_webhooks, text: 'x'.repeat(100 * 1024) })
    const { message_id } = (await send(source, { body: body(2) })).body
    expect((await send(source, { body: body(1) })).body).toEqual({ message_id, duplicate: true })
    for (const { id, url } of [endpoint, other]) {
      await eventually('a first attempt', () => receivers.current.arrivals(url).length > 0)
      receivers.current.become(url, 200)
      await tenant.deliveryIn('waiting', message_id, id)
      expect((await tenant.call('POST', `/deliveries/${message_id}.${id}/retry`)).status).toBe(202)
      await tenant.deliveryIn('succeeded', message_id, id)
      expect(receivers.current.arrivals(url).map((arrival) => arrival.body === body(2))).toEqual([true, true])
    }
  })

  it('is another event for another source, and another than what a publisher’s key names', async () => {
    const { tenant } = await tenantWithEndpoint()
    const [one, other] = [await createSource(tenant, 'github'), await createSource(tenant, 'github')]
    const ids = [
      (await send(one, { id: 'a' })).body.message_id,
      (await send(other, { id: 'a' })).body.message_id,
      (await tenant.publish({}, { 'idempotency-key': 'a' })).body.id,
    ]
    expect(new Set(ids).size).toBe(3)
  })

  it('is known by its body and its time where it has no id', async () => {
    const { tenant } = await tenantWithEndpoint()
    const source = await createSource(tenant, 'stripe')
    const [first, again, other] = [
      await send(source, { body: '{}' }),
      await send(source, { body: '{}' }),
      await send(source, { body: '{ }' }),
    ]
    expect(again.body).toEqual({ message_id: first.body.message_id, duplicate: true })
    expect(other.body.duplicate).toBe(false)
  })
})

it('a provider’s retry storm, 1,000 repeats of 100 events and many at once, delivers 100', async () => {
  const { tenant, endpoint } = await tenantWithEndpoint()
  const source = await createSource(tenant, 'stripe')
  const bodies = Array.from({ length: 100 }, (_, n) => JSON.stringify({ id: `evt_${n}`, type: 'invoice.paid' }))
  const sendings = Array.from({ length: 1000 }, (_, n) => bodies[(n * 37) % 100])
  const told = new Set<string>()
  let first_times = 0
  const worker = async () => {
    for (let body = sendings.pop(); body !== undefined; body = sendings.pop()) {
      const reply = await send(source, { body })
      expect(reply.status).toBe(200)
      told.add(reply.body.message_id)
      if (!reply.body.duplicate) first_times++
    }
  }
  await Promise.all(Array.from({ length: 50 }, worker))
  expect(told.size).toBe(100)
  expect(first_times).toBe(100)
  await eventually('all to be delivered', () => receivers.current.arrivals(endpoint.url).length >= 100)
  await messagesOf(tenant, 50)
  const ids = receivers.current.arrivals(endpoint.url).map(({ headers }) => headers.get('webhook-id'))
  expect(ids.length).toBe(100)
  expect(new Set(ids)).toEqual(told)
})

describe('a request that cannot be verified', () => {
  it('is refused without saying why, whatever is wrong', async () => {
    const { tenant, endpoint } = await tenantWithEndpoint()
    const source = await createSource(tenant, 'stripe')
    const foreign = await SAMPLERS.stripe.invent()
    const replies = [
      await send(source, { invented: foreign }),
      await send(source, { now: new Date(Date.now() - 301_000) }),
      await send(source, { headers: { 'stripe-signature': '' } }),
      await deliver(new Request(`https://postern.test/in/${source.id}`, { method: 'POST', body: '{}' })),
    ]
    for (const { status, headers, body } of replies) {
      expect(status).toBe(401)
      expect(headers.get('content-type')).toBe('application/problem+json')
      const { request_id: _, ...told } = body
      expect(told).toEqual({
        type: '/docs/errors#verification_failed',
        title: 'The request could not be verified',
        status: 401,
        detail: 'the request could not be verified',
        code: 'verification_failed',
      })
    }
    expect((await tenant.call('GET', '/messages')).body.data).toEqual([])
    expect(receivers.current.arrivals(endpoint.url)).toEqual([])
  })

  it('is one from an address that the source does not know', async () => {
    const { tenant } = await tenantWithEndpoint()
    const source = await createSource(tenant, 'stripe', { ip_allowlist: ['203.0.113.0/24'] })
    const from = (address: string) => send(source, { headers: { 'cf-connecting-ip': address } })
    expect((await from('203.0.113.9')).status).toBe(200)
    expect(await from('203.0.114.9')).toMatchObject({ status: 401, body: { code: 'verification_failed' } })
  })
})

describe('an event that cannot be verified right now', () => {
  it.each(['D1_ERROR: Network connection lost.', 'Network connection lost.', 'internal error; reference = a1b2'])(
    'because nobody knows the source, and D1 says “%s”, may come again',
    async (message) => {
      vi.spyOn(console, 'warn').mockImplementation(() => {})
      const source = await createSource(await createTenant(), 'stripe')
      const all = () => Promise.reject(new Error(message))
      const broken = vi.spyOn(env.DB, 'prepare').mockReturnValue({ bind: () => ({ all }) } as never)
      const reply = await send(source)
      expect(reply).toMatchObject({ status: 503, body: { code: 'unavailable' } })
      expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0)
      broken.mockRestore()
      expect((await send(source)).status).toBe(200)
    },
  )

  it('because the master key of its credentials is away, may come again', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { tenant } = await tenantWithEndpoint()
    const source = await createSource(tenant, 'stripe')
    const lost = JSON.stringify([{ sealed: `away.${btoa('x'.repeat(60))}`, created_at: 0, expires_at: null }])
    await env.DB.prepare('UPDATE sources SET credentials = ? WHERE id = ?').bind(lost, source.id).run()
    const reply = await send(source)
    expect(reply).toMatchObject({ status: 503, body: { code: 'unavailable' } })
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await tenant.call('GET', `/sources/${source.id}/failures`)).body.data).toEqual([])
  })
})

describe('what is asked of a source', () => {
  it.each([
    ['an id that nobody has', 'src_01JD9Z6Q3V8M4T2K7N5B1C0XYE'],
    ['no id at all', 'stripe'],
  ])('is 404 for %s', async (_what, id) => {
    const reply = await deliver(new Request(`https://postern.test/in/${id}`, { method: 'POST', body: '{}' }))
    expect(reply).toMatchObject({ status: 404, body: { code: 'not_found' } })
  })

  it.each(['GET', 'HEAD', 'PUT', 'DELETE'])(
    'is 405 for %s, where its provider asks nothing that way',
    async (method) => {
      const source = await createSource(await createTenant(), 'stripe')
      const response = await deliver(new Request(`https://postern.test/in/${source.id}`, { method }))
      expect(response.status).toBe(405)
      expect(response.headers.get('allow')).toContain('POST')
    },
  )

  it('is answered as the source is configured to answer', async () => {
    const answer = { status: 202, content_type: 'text/plain', body: '[accepted]' }
    const source = await createSource(await createTenant(), 'stripe', { answer })
    const reply = await send(source)
    expect(reply).toMatchObject({ status: 202, body: '[accepted]' })
    expect(reply.headers.get('content-type')).toBe('text/plain')
  })

  it('may be no larger than the source takes', async () => {
    const source = await createSource(await createTenant(), 'stripe', { body_bytes_max: 1000 })
    expect((await send(source, { body: new Uint8Array(1000).fill(0x20) })).status).toBe(200)
    expect(await send(source, { body: new Uint8Array(1001).fill(0x20) })).toMatchObject({
      status: 413,
      body: { code: 'payload_too_large' },
    })
  })

  it('may not be packed', async () => {
    const source = await createSource(await createTenant(), 'stripe')
    expect(await send(source, { headers: { 'content-encoding': 'gzip' } })).toMatchObject({
      status: 415,
      body: { code: 'unsupported_media_type' },
    })
  })

  it('goes from source to source a few times, and not in a circle', async () => {
    const { tenant, endpoint } = await tenantWithEndpoint()
    const source = await createSource(tenant, 'stripe')
    await send(source)
    expect((await arrivalAt(endpoint)).headers.get('postern-hops')).toBe('1')
    const behind = (hops: string) => send(source, { headers: { 'postern-hops': hops } })
    expect((await behind('1')).status).toBe(200)
    expect((await behind('3')).status).toBe(200)
    expect(await behind('4')).toMatchObject({ status: 508, body: { code: 'loop_detected' } })
    expect((await behind('many')).status).toBe(508)
  })

  it('is seen at once when the tenant’s endpoints change', async () => {
    const tenant = await createTenant()
    const source = await createSource(tenant, 'github')
    await send(source)
    const endpoint = await tenant.endpoint()
    await send(source)
    await arrivalAt(endpoint)
    await tenant.call('DELETE', `/endpoints/${endpoint.id}`)
    const { body } = await send(source)
    expect((await tenant.call('GET', `/messages/${body.message_id}/deliveries`)).body.data).toEqual([])
  })
})

describe('a source behind a proxy', () => {
  const told = 'https://hooks.acme.test/square'

  it.each([
    [told, told, ''],
    [told, `${told}?shop=1`, '?shop=1'],
    [`${told}?shop=1`, `${told}?shop=1`, '?shop=1'],
    [`${told}?shop=1`, `${told}?shop=1`, ''],
  ])('with the URL %s believes what was signed for %s and called with "%s"', async (public_url, url, query) => {
    const source = await createSource(await createTenant(), 'square', { public_url })
    const occasion = { type: 'payment.created', id: crypto.randomUUID(), now: new Date(), url }
    const body = SAMPLERS.square.events['payment.created']?.(occasion) ?? ''
    const { headers } = await SAMPLERS.square.sign(new TextEncoder().encode(body), occasion, source.invented)
    const request = () => new Request(`https://postern.test/in/${source.id}${query}`, { method: 'POST', headers, body })
    expect((await deliver(request())).status).toBe(200)
    const elsewhere = await createSource(await createTenant(), 'square', {
      public_url: 'https://hooks.acme.test/other',
      credentials: source.invented.credentials,
    })
    const misled = new Request(`https://postern.test/in/${elsewhere.id}${query}`, { method: 'POST', headers, body })
    expect((await deliver(misled)).status).toBe(401)
  })
})
