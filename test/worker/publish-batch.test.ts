import { describe, expect, it } from 'vitest'
import { createTenant, eventually, type Json, type TenantHandle, useReceivers } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

const receivers = useReceivers()

const publishBatch = (tenant: TenantHandle, messages: unknown) =>
  tenant.call('POST', '/messages/batch', { body: { messages } })

const event = (data: unknown, more: Record<string, unknown> = {}) => ({ type: 'invoice.paid', data, ...more })

async function resultsOf(tenant: TenantHandle, messages: unknown[]): Promise<Json[]> {
  const { status, body } = await publishBatch(tenant, messages)
  expect(status, JSON.stringify(body)).toBe(200)
  expect(body.results).toHaveLength(messages.length)
  return body.results
}

describe('a batch', () => {
  it('of 100 has a result for each message, in their order, and all arrive', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const results = await resultsOf(
      tenant,
      Array.from({ length: 100 }, (_, n) => event(n, { type: `n.${n}` })),
    )
    for (const [n, { status, message }] of results.entries()) {
      expect([status, message.type, message.deliveries.length]).toEqual([202, `n.${n}`, 1])
    }
    expect(new Set(results.map(({ message }) => message.id)).size).toBe(100)
    const arrived = await eventually('all 100 to arrive', () => {
      const arrivals = receivers.current.arrivals(endpoint.url)
      return arrivals.length === 100 && arrivals
    })
    const ids = arrived.map(({ headers }) => headers.get('webhook-id'))
    expect(ids.toSorted()).toEqual(results.map(({ message }) => message.id).toSorted())
  })

  it('keeps its order at an endpoint that wants order', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ ordering: 'fifo' })
    await resultsOf(
      tenant,
      [1, 2, 3, 4, 5].map((n) => event(n)),
    )
    const arrived = await eventually('all to arrive', () => {
      const arrivals = receivers.current.arrivals(endpoint.url)
      return arrivals.length === 5 && arrivals
    })
    expect(arrived.map(({ body }) => JSON.parse(body).data)).toEqual([1, 2, 3, 4, 5])
  })

  it('may mix events, raw bodies and messages that nobody wants', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ event_types: ['invoice.*'] })
    const results = await resultsOf(tenant, [
      event(1),
      { type: 'invoice.raw', raw: '<a/>', content_type: 'application/xml' },
      event(2, { type: 'user.created' }),
    ])
    expect(results.map(({ message }) => message.deliveries.length)).toEqual([1, 1, 0])
    const bodies = await eventually('both to arrive', () => {
      const arrivals = receivers.current.arrivals(endpoint.url)
      return arrivals.length === 2 && arrivals.map(({ body }) => body)
    })
    expect(bodies).toContain('<a/>')
  })

  it('keeps the digits of each message its own', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ ordering: 'fifo' })
    const numbers = ['9007199254740993', '1', '0.12345678901234567890']
    const messages = numbers.map((number) => `{"type":"a","data":${number}}`)
    const { status } = await tenant.call('POST', '/messages/batch', { text: `{"messages":[${messages}]}` })
    expect(status).toBe(200)
    const bodies = await eventually('all to arrive', () => {
      const arrivals = receivers.current.arrivals(endpoint.url)
      return arrivals.length === 3 && arrivals.map(({ body }) => body)
    })
    expect(bodies.map((body) => /"data":(.*)}$/.exec(body)?.[1])).toEqual(numbers)
  })

  it('refuses some messages and accepts the others', async () => {
    const tenant = await createTenant({ limits: { payload_bytes: 1024 } })
    const endpoint = await tenant.endpoint()
    const { id } = (await tenant.publish({ data: 'first' }, { 'idempotency-key': 'taken' })).body
    const results = await resultsOf(tenant, [
      event('x'.repeat(2000)),
      event('other', { idempotency_key: 'taken' }),
      event('no key', { idempotency_key: 'a b' }),
      event('fine'),
    ])
    expect(results).toMatchObject([
      { status: 413, code: 'payload_too_large', detail: expect.any(String) },
      { status: 409, code: 'idempotency_conflict', message_id: id },
      { status: 400, code: 'invalid_idempotency_key' },
      { status: 202, message: { duplicate: false } },
    ])
    await tenant.deliveryIn('succeeded', results[3]?.message.id, endpoint.id)
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(2)
  })

  it('honours a key for each message, within it and after it', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const messages = [
      event(1, { idempotency_key: 'a' }),
      event(1, { idempotency_key: 'a' }),
      event(2, { idempotency_key: 'a' }),
      event(1, { idempotency_key: 'b' }),
    ]
    const [first, twin, conflict, other] = await resultsOf(tenant, messages)
    expect([first.message.duplicate, twin.message.duplicate, other.message.duplicate]).toEqual([false, true, false])
    expect(twin.message.id).toBe(first.message.id)
    expect(conflict).toMatchObject({ status: 409, code: 'idempotency_conflict' })

    const [again] = await resultsOf(tenant, messages)
    expect(again.message).toMatchObject({ id: first.message.id, duplicate: true })
    await tenant.deliveryIn('succeeded', other.message.id, endpoint.id)
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(2)
  })

  it('may be repeated with the same keys when half of it was accepted', async () => {
    const tenant = await createTenant()
    await tenant.endpoint()
    await tenant.publish({ data: 1 }, { 'idempotency-key': 'a' })
    const results = await resultsOf(tenant, [event(1, { idempotency_key: 'a' }), event(2, { idempotency_key: 'b' })])
    expect(results.map(({ message }) => message.duplicate)).toEqual([true, false])
  })
})

describe('a batch is refused as a whole', () => {
  it.each([
    ['with 101 messages', Array(101).fill(event(1)), 'messages'],
    ['with none', [], 'messages'],
    ['when it is no list', event(1), 'messages'],
    ['when one has a type that is none', [event(1), event(2, { type: 'no type' })], 'messages.1.type'],
    ['when one has no content', [{ type: 'a' }], 'messages.0'],
    ['when one has a key that is no text', [event(1, { idempotency_key: 7 })], 'messages.0.idempotency_key'],
    ['when one has a member that does not exist', [event(1), event(1, { id: 'x' })], 'messages.1'],
    ['when one is null', [event(1), null], 'messages.1'],
  ])('%s, and then nothing of it is accepted', async (_what, messages, member) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const reply = await publishBatch(tenant, messages)
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
    expect((await tenant.call('GET', `/deliveries?endpoint_id=${endpoint.id}`)).body.data).toEqual([])
  })

  it('with an Idempotency-Key for all of it, which would promise what it does not hold', async () => {
    const tenant = await createTenant()
    const body = { messages: [event(1)], idempotency_key: 'a' }
    expectProblem(await tenant.call('POST', '/messages/batch', { body }), 422, 'invalid_request')
  })
})
