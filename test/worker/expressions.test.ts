import { describe, expect, it } from 'vitest'
import { createTenant, type Json, useReceivers } from './harness.ts'
import { expectProblem } from './problem.ts'

const receivers = useReceivers()

describe('a filter', () => {
  it.each([
    ['data.amount > 100', { amount: 101 }, true],
    ['data.amount > 100', { amount: 100 }, false],
    ['type = "invoice.paid"', {}, true],
    ['type = "invoice.void"', {}, false],
    ['data.country in ["DE", "FR"]', { country: 'FR' }, true],
    ['$contains(data.email, /@acme\\.com$/)', { email: 'a@acme.com' }, true],
    ['$contains(data.email, /@acme\\.com$/)', { email: 'a@acme.com.evil.org' }, false],
    ['data.tags', { tags: [] }, false],
    ['data.tags', { tags: ['a'] }, true],
    ['data.missing', {}, false],
    ['data.text', { text: '' }, false],
    ['data.n', { n: 0 }, false],
    ['data.o', { o: {} }, false],
    ['true', null, true],
  ])('%s of %j: %s', async (filter, data, passes) => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint({ filter })
    const { status, body } = await tenant.publish({ data })
    expect(status).toBe(202)
    expect(body.deliveries.map(({ endpoint_id }: Json) => endpoint_id)).toEqual(passes ? [id] : [])
  })

  it('sees a long number as a number', async () => {
    const tenant = await createTenant()
    await tenant.endpoint({ filter: 'data.amount < 100' })
    const { body } = await tenant.call('POST', '/messages', { text: '{"type":"a","data":{"amount":9007199254740993}}' })
    expect(body.deliveries).toEqual([])
  })

  it('sees into a raw body that is JSON, and takes another as text', async () => {
    const tenant = await createTenant()
    const [json, text] = [
      await tenant.endpoint({ filter: 'data.a = 1' }),
      await tenant.endpoint({ filter: 'data = "<a/>"' }),
    ]
    const goesTo = async (raw: string) => {
      const { body } = await tenant.publish({ data: undefined, raw, content_type: 'text/plain' })
      return body.deliveries.map(({ endpoint_id }: Json) => endpoint_id)
    }
    expect(await goesTo('{"a":1}')).toEqual([json.id])
    expect(await goesTo('<a/>')).toEqual([text.id])
  })

  it('that fails lets the message through, and the delivery says why', async () => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint({ filter: '$number(data.amount) > 1' })
    const message_id = await tenant.published({ data: { amount: 'many' } })
    const { reason } = await tenant.deliveryIn('succeeded', message_id, id)
    expect(reason).toMatch(/^filter_failed: /)
  })

  it('that never ends holds up nobody', async () => {
    const tenant = await createTenant()
    const endless = await tenant.endpoint({ filter: '($f := function($n) { $f($n + 1) }; $f(0))' })
    const other = await tenant.endpoint()
    const message_id = await tenant.published()
    await tenant.deliveryIn('succeeded', message_id, other.id)
    expect((await tenant.deliveryIn('succeeded', message_id, endless.id)).reason).toMatch(/^filter_failed: /)
  })

  it('is changed to another, and the next message goes by that', async () => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint({ filter: 'false' })
    expect((await tenant.publish()).body.deliveries).toEqual([])
    await tenant.call('PATCH', `/endpoints/${id}`, { body: { filter: null } })
    expect((await tenant.publish()).body.deliveries).toHaveLength(1)
  })
})

describe('a transform', () => {
  it.each([
    ['an object', '{"text": type & ": " & data.id}', { id: 'in_1' }, '{"text":"invoice.paid: in_1"}'],
    ['a list', '[data.a, data.b]', { a: 1, b: 2 }, '[1,2]'],
    ['text, as JSON', 'data.id', { id: 'in_1' }, '"in_1"'],
    ['null', 'null', {}, 'null'],
    ['a number', 'data.a + 1', { a: 1 }, '2'],
  ])('makes the body: %s', async (_what, transform, data, body) => {
    const tenant = await createTenant()
    const { id, url } = await tenant.endpoint({ transform })
    await tenant.deliveryIn('succeeded', await tenant.published({ data }), id)
    expect(receivers.current.arrivals(url)[0]?.body).toBe(body)
  })

  it('makes text of a raw body as it is, under the type it had', async () => {
    const tenant = await createTenant()
    const { id, url } = await tenant.endpoint({ transform: '$uppercase(data)' })
    const message = { data: undefined, raw: '<a/>', content_type: 'application/xml' }
    await tenant.deliveryIn('succeeded', await tenant.published(message), id)
    const [arrival] = receivers.current.arrivals(url)
    expect([arrival?.body, arrival?.headers.get('content-type')]).toEqual(['<A/>', 'application/xml'])
  })

  it('leaves the message as it was published, for every other endpoint', async () => {
    const tenant = await createTenant()
    const [changed, other] = [await tenant.endpoint({ transform: '{"a": 1}' }), await tenant.endpoint()]
    const message_id = await tenant.published({ data: { b: 2 } })
    await tenant.deliveryIn('succeeded', message_id, changed.id)
    await tenant.deliveryIn('succeeded', message_id, other.id)
    expect(JSON.parse(receivers.current.arrivals(other.url)[0]?.body ?? '').data).toEqual({ b: 2 })
    const { payload } = (await tenant.call('GET', `/messages/${message_id}`)).body
    expect(JSON.parse(payload).data).toEqual({ b: 2 })
  })

  it.each([
    ['throws', '$number(data.amount)'],
    ['has no result', 'data.missing'],
    ['never ends', '($f := function($n) { $f($n + 1) }; $f(0))'],
  ])('that %s fails the attempt and says so, without calling anybody', async (_what, transform) => {
    const tenant = await createTenant()
    const { id, url } = await tenant.endpoint({ transform, retry_delays_s: [] })
    const delivery = await tenant.deliveryIn('dead', await tenant.published({ data: { amount: 'many' } }), id)
    expect(delivery).toMatchObject({ last_error: 'transform_failed', last_status: null })
    expect(delivery.attempt_log[0]).toMatchObject({ error: 'transform_failed', detail: expect.stringMatching(/\S/) })
    expect(receivers.current.arrivals(url)).toHaveLength(0)
  })

  it('that was mended lets a retry through', async () => {
    const tenant = await createTenant()
    const { id, url } = await tenant.endpoint({ transform: 'data.missing', retry_delays_s: [] })
    const message_id = await tenant.published()
    await tenant.deliveryIn('dead', message_id, id)
    await tenant.call('PATCH', `/endpoints/${id}`, { body: { transform: 'data.amount' } })
    await tenant.call('POST', `/deliveries/${message_id}.${id}/retry`)
    await tenant.deliveryIn('succeeded', message_id, id)
    expect(receivers.current.arrivals(url).map(({ body }) => body)).toEqual(['42'])
  })

  it.each([
    ['$eval(data)', 'filter'],
    ['$now()', 'transform'],
    ['$contains(data, /(a)\\1/)', 'filter'],
  ])('or filter is refused when it cannot be bounded or repeated: %s', async (source, name) => {
    const body = { url: 'https://receiver.test/', [name]: source }
    expectProblem(await (await createTenant()).call('POST', '/endpoints', { body }), 422, 'invalid_expression')
  })
})
