/** One endpoint as several objects: what may be set, and where its messages go. */
import { describe, expect, it } from 'vitest'
import { createTenant, eventually, type Json, type TenantHandle, useReceivers } from './harness.ts'
import { heldBy, idsHeldBy, keyFor, keyForEach, layoutOf, setLanes } from './laned.ts'
import { blamed, expectProblem } from './problem.ts'

const receivers = useReceivers()

const LANES = [0, 1, 2, 3]

const idsAt = ({ url }: Json): string[] =>
  receivers.current.arrivals(url).map(({ headers }) => headers.get('webhook-id') ?? '')

async function publishBatch(tenant: TenantHandle, messages: Json[]): Promise<string[]> {
  const { body } = await tenant.call('POST', '/messages/batch', { body: { messages } })
  return body.results.map(({ message }: Json) => message.id)
}

describe('the number of lanes', () => {
  it('is one unless told otherwise', async () => {
    const tenant = await createTenant()
    expect((await tenant.endpoint()).lanes).toBe(1)
  })

  it('is shown as it was set, and as it was changed', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ lanes: 4 })
    const shown = async () => (await tenant.call('GET', `/endpoints/${endpoint.id}`)).body.lanes
    expect([endpoint.lanes, await shown()]).toEqual([4, 4])
    await setLanes(tenant, endpoint, 10)
    expect(await shown()).toBe(10)
    const [listed] = (await tenant.call('GET', '/endpoints')).body.data
    expect(listed.lanes).toBe(10)
  })

  it('changes nothing when it is set to what it is', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ lanes: 4 })
    const before = await layoutOf(endpoint)
    await setLanes(tenant, endpoint, 4)
    expect(await layoutOf(endpoint)).toEqual(before)
  })

  it.each([
    ['none', { lanes: 0 }],
    ['17', { lanes: 17, max_in_flight: 100 }],
    ['one and a half', { lanes: 1.5 }],
    ['two that shall keep one order', { lanes: 2, ordering: 'fifo' }],
    ['more than attempts at once', { lanes: 4, max_in_flight: 3 }],
    ['more than the default of attempts at once', { lanes: 11 }],
  ])('is refused when it is %s', async (_what, settings) => {
    const tenant = await createTenant()
    const url = 'https://receiver.test/refused'
    const reply = await tenant.call('POST', '/endpoints', { body: { url, ...settings } })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual(['lanes'])
    expect((await tenant.call('GET', '/endpoints')).body.data).toEqual([])
  })

  it.each([
    ['lanes, which max_in_flight is too small for', { lanes: 1, max_in_flight: 3 }, { lanes: 4 }],
    ['lanes, which `fifo` cannot have', { ordering: 'fifo' }, { lanes: 2 }],
    ['max_in_flight, which there are too many lanes for', { lanes: 4 }, { max_in_flight: 3 }],
    ['ordering, which lanes cannot keep', { lanes: 2 }, { ordering: 'fifo' }],
    ['both, which do not fit', { lanes: 1 }, { lanes: 6, max_in_flight: 5 }],
  ])('is refused in a change of %s', async (_what, before, change) => {
    const tenant = await createTenant()
    const { id, secret: _secret, public_key: _key, ...endpoint } = await tenant.endpoint(before)
    const reply = await tenant.call('PATCH', `/endpoints/${id}`, { body: { ...change, description: 'new' } })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual(['lanes'])
    expect((await tenant.call('GET', `/endpoints/${id}`)).body).toEqual({ id, ...endpoint })
  })

  it.each([
    ['more lanes with room for them', { max_in_flight: 1 }, { lanes: 16, max_in_flight: 16 }],
    ['fewer with less', { lanes: 4, max_in_flight: 4 }, { lanes: 1, max_in_flight: 1 }],
    ['one lane and fifo', { lanes: 4 }, { lanes: 1, ordering: 'fifo' }],
    ['several lanes and no fifo any more', { ordering: 'fifo' }, { lanes: 4, ordering: 'key' }],
  ])('is taken together with what it needs: %s', async (_what, before, change) => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint(before)
    const { status, body } = await tenant.call('PATCH', `/endpoints/${id}`, { body: change })
    expect(status, JSON.stringify(body)).toBe(200)
    expect((await tenant.call('GET', `/endpoints/${id}`)).body).toMatchObject(change)
  })

  it('fits what it needs though two changes are made at once', async () => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint({ max_in_flight: 10 })
    const changes = [{ lanes: 8 }, { max_in_flight: 4 }]
    const replies = await Promise.all(changes.map((body) => tenant.call('PATCH', `/endpoints/${id}`, { body })))
    expect(replies.map(({ status }) => status).toSorted()).toEqual([200, 422])
    const { lanes, max_in_flight } = (await tenant.call('GET', `/endpoints/${id}`)).body
    expect(lanes).toBeLessThanOrEqual(max_in_flight)
  })
})

describe('messages to an endpoint with four lanes', () => {
  it('are each delivered once, whichever object has them', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ lanes: 4 })
    const ids = await publishBatch(
      tenant,
      Array.from({ length: 60 }, (_, data) => ({ type: 'a', data })),
    )
    await eventually('all to arrive', () => idsAt(endpoint).length >= ids.length)
    for (const id of ids) await tenant.deliveryIn('succeeded', id, endpoint.id)
    expect(idsAt(endpoint).toSorted()).toEqual(ids.toSorted())
    const held = await Promise.all(LANES.map((lane) => idsHeldBy(endpoint, lane)))
    expect(held.flat().toSorted()).toEqual(ids.toSorted())
    for (const some of held) expect(some.length).toBeGreaterThan(3)
  })

  it('go by their ordering key, one lane for each', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ lanes: 4, ordering: 'key' })
    const keys = keyForEach(4)
    const ids = await Promise.all(keys.map((ordering_key) => tenant.published({ ordering_key })))
    for (const lane of LANES) expect(await idsHeldBy(endpoint, lane)).toEqual([ids[lane]])
  })

  it('of one batch and one ordering key arrive in its order', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ lanes: 4, ordering: 'key' })
    const keys = keyForEach(4)
    const messages = Array.from({ length: 40 }, (_, data) => ({ type: 'a', data, ordering_key: keys[data % 4] }))
    const ids = await publishBatch(tenant, messages)
    await eventually('all to arrive', () => idsAt(endpoint).length === ids.length)
    for (const lane of LANES) {
      const wanted = ids.filter((_, i) => i % 4 === lane)
      expect(idsAt(endpoint).filter((id) => wanted.includes(id))).toEqual(wanted)
    }
  })

  it('wait for what is before them in their own lane alone', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ lanes: 4, ordering: 'key', retry_delays_s: [3600] })
    const [stuck, free] = [keyFor({ 4: 2 }), keyFor({ 4: 3 })]
    receivers.current.become(endpoint.url, ({ body }) =>
      JSON.parse(body).data === 'stuck' ? new Response(null, { status: 500 }) : new Response(),
    )
    await tenant.deliveryIn('waiting', await tenant.published({ data: 'stuck', ordering_key: stuck }), endpoint.id)
    const behind = await tenant.published({ data: 'behind', ordering_key: stuck })
    await tenant.deliveryIn('succeeded', await tenant.published({ data: 'free', ordering_key: free }), endpoint.id)
    expect((await heldBy(endpoint, 2)).map(({ state }) => state)).toEqual(['waiting', 'pending'])
    expect((await tenant.delivery(behind, endpoint.id)).attempt_count).toBe(0)
  })
})
