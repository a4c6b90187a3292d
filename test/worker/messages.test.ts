import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { createTenant, eventually, type Json, type TenantHandle, useReceivers } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

const receivers = useReceivers()

const NOBODY = 'msg_01J9Z3K4M5N6P7Q8R9S0T1V2W3'

/** The list, once the read model shows this many. */
function listed(tenant: TenantHandle, count: number, query = ''): Promise<Json[]> {
  return eventually(`${count} messages to be listed`, async () => {
    const { data } = (await tenant.call('GET', `/messages?limit=250${query}`)).body
    return data.length === count && data
  })
}

describe('a message', () => {
  it('can be read with the body as it is delivered', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const { id, accepted_at } = (await tenant.publish({ channels: ['eu'], ordering_key: 'cus_1' })).body
    await tenant.deliveryIn('succeeded', id, endpoint.id)
    const { status, body } = await tenant.call('GET', `/messages/${id}`)
    const payload = receivers.current.arrivals(endpoint.url)[0]?.body ?? ''
    expect(status).toBe(200)
    expect(body).toEqual({
      id,
      type: 'invoice.paid',
      accepted_at,
      channels: ['eu'],
      ordering_key: 'cus_1',
      content_type: 'application/json',
      erased_at: null,
      trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      size_bytes: payload.length,
      payload,
      payload_omitted: null,
      payload_redacted: false,
    })
  })

  it('says so when storage has lost its body, instead of showing none', async () => {
    const tenant = await createTenant()
    const id = await tenant.published({ data: undefined, raw: 'ä'.repeat(100_000), content_type: 'text/plain' })
    const { objects } = await env.PAYLOADS.list({ prefix: `${tenant.id}/${id}/` })
    await env.PAYLOADS.delete(objects.map(({ key }) => key))
    const { body } = await tenant.call('GET', `/messages/${id}`)
    expect(body).toMatchObject({ payload: null, payload_omitted: 'missing' })
  })

  it.each([
    ['in the row of an endpoint', 1, 'ä'],
    ['in R2', 1, 'ä'.repeat(100_000)],
    ['in the table, because nobody wanted it', 0, 'ä'],
    ['in R2, though nobody wanted it', 0, 'ä'.repeat(100_000)],
  ])('can be read when it is kept %s', async (_where, endpoints, raw) => {
    const tenant = await createTenant()
    if (endpoints > 0) await tenant.endpoint()
    const id = await tenant.published({ data: undefined, raw, content_type: 'text/plain' })
    const { body } = await tenant.call('GET', `/messages/${id}`)
    expect(body).toMatchObject({ content_type: 'text/plain', size_bytes: raw.length * 2, payload: raw })
  })

  it('can be read by its id when an idempotency key has chosen that', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const { id } = (await tenant.publish({}, { 'idempotency-key': 'order-1' })).body
    await listed(tenant, 1)
    expect((await tenant.call('GET', `/messages/${id}`)).body.id).toBe(id)
    const { data } = (await tenant.call('GET', `/messages/${id}/deliveries`)).body
    expect(data.map((delivery: Json) => delivery.endpoint_id)).toEqual([endpoint.id])
  })

  it('names its deliveries, each as it stands', async () => {
    const tenant = await createTenant()
    const [well, ill] = [await tenant.endpoint(), await tenant.endpoint({ retry_delays_s: [] })]
    receivers.current.become(ill.url, 500)
    const id = await tenant.published()
    await tenant.deliveryIn('succeeded', id, well.id)
    await tenant.deliveryIn('dead', id, ill.id)
    const { data } = (await tenant.call('GET', `/messages/${id}/deliveries`)).body
    expect(Object.fromEntries(data.map(({ id, state }: Json) => [id, state]))).toEqual({
      [`${id}.${well.id}`]: 'succeeded',
      [`${id}.${ill.id}`]: 'dead',
    })
  })
})

describe('the list of messages', () => {
  it('has wanted and unwanted ones, newest first, with the count of their deliveries', async () => {
    const tenant = await createTenant()
    await Promise.all([tenant.endpoint({ event_types: ['a.*'] }), tenant.endpoint({ event_types: ['a.*'] })])
    const ids: string[] = []
    for (const type of ['a.1', 'b.1', 'a.2', 'b.2']) ids.push(await tenant.published({ type }))
    const data = await eventually('all deliveries to be listed', async () => {
      const data = await listed(tenant, 4)
      return data.reduce((sum, { deliveries }) => sum + deliveries, 0) === 4 && data
    })
    expect(data.map(({ id }) => id)).toEqual(ids.toSorted().reverse())
    expect(Object.fromEntries(data.map(({ type, deliveries }) => [type, deliveries]))).toEqual({
      'a.1': 2,
      'a.2': 2,
      'b.1': 0,
      'b.2': 0,
    })
  })

  it('goes page by page through both kinds, each once', async () => {
    const tenant = await createTenant()
    await tenant.endpoint({ event_types: ['a'] })
    const { body } = await tenant.call('POST', '/messages/batch', {
      body: { messages: Array.from({ length: 9 }, (_, n) => ({ type: n % 2 === 0 ? 'a' : 'b', data: n })) },
    })
    await listed(tenant, 9)
    const ids: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const path: string = `/messages?limit=2${cursor && `&cursor=${cursor}`}`
      const page = (await tenant.call('GET', path)).body
      expect(page.data.length).toBeLessThanOrEqual(2)
      ids.push(...page.data.map(({ id }: Json) => id))
      cursor = page.next_cursor
    }
    expect(ids.toSorted()).toEqual(body.results.map(({ message }: Json) => message.id).toSorted())
    expect(ids).toHaveLength(9)
  })

  it('may be of one type, and of a span of time whose end is not in it', async () => {
    const tenant = await createTenant()
    await tenant.endpoint({ event_types: ['a'] })
    const messages: Json[] = []
    for (const type of ['a', 'b', 'a', 'b']) {
      const { body } = await tenant.publish({ type })
      messages.push(body)
      await eventually('another millisecond', () => Date.now() > Date.parse(body.accepted_at))
    }
    await listed(tenant, 4)
    const idsOf = async (query: string) =>
      (await tenant.call('GET', `/messages?${query}`)).body.data.map(({ id }: Json) => id)
    const [first, second, third, fourth] = messages
    expect(await idsOf('type=a')).toEqual([third.id, first.id])
    expect(await idsOf(`since=${second.accepted_at}&until=${fourth.accepted_at}`)).toEqual([third.id, second.id])
    expect(await idsOf('type=never')).toEqual([])
  })

  it.each(['since', 'until'])('is refused with a %s that is no time', async (name) => {
    const reply = await (await createTenant()).call('GET', `/messages?${name}=yesterday`)
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([name])
  })
})

describe('replaying a message', () => {
  const replay = (tenant: TenantHandle, id: string, body?: unknown) =>
    tenant.call('POST', `/messages/${id}/replay`, { body })

  it('sends it again to the endpoints that had it, under the same id, and to no other', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const id = await tenant.published()
    await tenant.deliveryIn('succeeded', id, endpoint.id)
    const later = await tenant.endpoint()
    const { status, body } = await replay(tenant, id)
    expect(status).toBe(202)
    expect(body).toEqual({ deliveries: [{ id: `${id}.${endpoint.id}`, endpoint_id: endpoint.id }] })
    const arrivals = await eventually('it to arrive again', () => {
      const arrivals = receivers.current.arrivals(endpoint.url)
      return arrivals.length === 2 && arrivals
    })
    expect(arrivals.map(({ headers }) => headers.get('webhook-id'))).toEqual([id, id])
    expect(arrivals[1]?.body).toBe(arrivals[0]?.body)
    expect(receivers.current.arrivals(later.url)).toHaveLength(0)
  })

  it.each([
    ['which others had', ['*']],
    ['which nobody wanted', ['never']],
  ])('%s, sends it to a new endpoint that is named, and lists it once', async (_which, event_types) => {
    const tenant = await createTenant()
    await tenant.endpoint({ event_types })
    const id = await tenant.published({ data: 'ä' })
    const later = await tenant.endpoint()
    expect((await replay(tenant, id, { endpoint_ids: [later.id] })).status).toBe(202)
    expect((await tenant.deliveryIn('succeeded', id, later.id)).reason).toBe('replayed')
    expect(JSON.parse(receivers.current.arrivals(later.url)[0]?.body ?? '').data).toBe('ä')
    const had = event_types[0] === '*' ? 2 : 1
    await eventually('the new delivery to be counted', async () => {
      const { data } = (await tenant.call('GET', '/messages')).body
      return data.some(({ deliveries }: Json) => deliveries === had)
    })
    expect((await tenant.call('GET', '/messages')).body.data.map((message: Json) => message.id)).toEqual([id])
  })

  it('attempts one that waits for a retry now', async () => {
    const tenant = await createTenant()
    const { id: endpoint_id, url } = await tenant.endpoint({ retry_delays_s: [3600] })
    receivers.current.become(url, 500)
    const id = await tenant.published()
    await tenant.deliveryIn('waiting', id, endpoint_id)
    receivers.current.become(url, 200)
    await replay(tenant, id)
    await tenant.deliveryIn('succeeded', id, endpoint_id)
  })

  it('lets one that is being attempted go on as it is', async () => {
    const tenant = await createTenant()
    const { id: endpoint_id, url } = await tenant.endpoint()
    receivers.current.hang(url)
    const id = await tenant.published()
    await tenant.deliveryIn('delivering', id, endpoint_id)
    expect((await replay(tenant, id)).body.deliveries).toHaveLength(1)
    expect(receivers.current.arrivals(url)).toHaveLength(1)
  })

  it.each([
    ['no endpoint', { endpoint_ids: [] }, 'endpoint_ids'],
    ['101 endpoints', { endpoint_ids: Array(101).fill('ep_x') }, 'endpoint_ids'],
    ['an endpoint that is no text', { endpoint_ids: [1] }, 'endpoint_ids.0'],
    ['a member that does not exist', { endpoints: ['ep_x'] }, ''],
  ])('is refused with %s', async (_what, body, member) => {
    const tenant = await createTenant()
    const reply = await replay(tenant, await tenant.published(), body)
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
  })

  it('to an endpoint of another tenant is refused, and sent to none of those named', async () => {
    const [tenant, other] = [await createTenant(), await createTenant()]
    const [own, foreign] = [await tenant.endpoint(), await other.endpoint()]
    const id = await tenant.published()
    await tenant.deliveryIn('succeeded', id, own.id)
    expectProblem(await replay(tenant, id, { endpoint_ids: [own.id, foreign.id] }), 404, 'not_found')
    expect(receivers.current.arrivals(foreign.url)).toHaveLength(0)
    expect(receivers.current.arrivals(own.url)).toHaveLength(1)
  })
})

describe('the deliveries of a message', () => {
  it('keep their order while the read model comes to know of them', async () => {
    const tenant = await createTenant()
    const endpoints = [await tenant.endpoint(), await tenant.endpoint(), await tenant.endpoint()]
    const id = await tenant.published()
    const order = async () => {
      const { data } = (await tenant.call('GET', `/messages/${id}/deliveries`)).body
      return data.map(({ endpoint_id }: Json) => endpoint_id)
    }
    const expected = endpoints.map((endpoint) => endpoint.id).toSorted()
    expect(await order()).toEqual(expected)
    await eventually('the read model to have them', async () => {
      const { data } = (await tenant.call('GET', '/deliveries')).body
      return data.length === endpoints.length
    })
    expect(await order()).toEqual(expected)
  })
})

describe.each([
  ['GET', ''],
  ['GET', '/deliveries'],
  ['POST', '/replay'],
])('%s of a message%s', (method, suffix) => {
  it.each([NOBODY, NOBODY.replace('msg_0', 'msg_Z'), 'msg_x', 'nonsense'])('that is not there: %s', async (id) => {
    const tenant = await createTenant()
    await tenant.endpoint()
    expectProblem(await tenant.call(method, `/messages/${encodeURIComponent(id)}${suffix}`), 404, 'not_found')
  })

  it.each([0, 1])('of another tenant with %i endpoints', async (endpoints) => {
    const [tenant, other] = [await createTenant(), await createTenant()]
    await tenant.endpoint()
    if (endpoints > 0) await other.endpoint()
    const id = await other.published()
    const key = await tenant.key('admin')
    expectProblem(await tenant.call(method, `/messages/${id}${suffix}`, { key }), 404, 'not_found')
  })
})
