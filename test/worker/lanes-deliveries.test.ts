/** Deliveries of an endpoint with several lanes: found, listed and started again whichever lane holds them. */
import { describe, expect, it, vi } from 'vitest'
import { Endpoint } from '../../durable-objects/endpoint/endpoint.ts'
import { createTenant, eventually, type Json, type TenantHandle, useReceivers } from './harness.ts'
import { allDrained, allPages, idsHeldBy, keyForEach, setLanes } from './laned.ts'
import { expectProblem } from './problem.ts'

// The queue of dead letters gathers for two seconds.
vi.setConfig({ testTimeout: 30_000 })

const receivers = useReceivers()

const LANES = [0, 1, 2, 3]
const KEYS = keyForEach(4)
const LONG_AGO = '2020-01-01T00:00:00Z'

const arrivalsAt = ({ url }: Json) => receivers.current.arrivals(url)
const idsAt = (endpoint: Json) => arrivalsAt(endpoint).map(({ headers }) => headers.get('webhook-id') ?? '')

/** One message in each lane, in this state. */
async function withOneInEach(state: 'succeeded' | 'waiting' | 'dead') {
  const tenant = await createTenant()
  const retry_delays_s = state === 'dead' ? [] : [3600]
  const endpoint = await tenant.endpoint({ lanes: 4, ordering: 'key', retry_delays_s })
  if (state !== 'succeeded') receivers.current.become(endpoint.url, 500)
  const ids: string[] = []
  for (const ordering_key of KEYS) ids.push(await tenant.published({ data: ordering_key, ordering_key }))
  for (const id of ids) await tenant.deliveryIn(state, id, endpoint.id)
  for (const lane of LANES) expect(await idsHeldBy(endpoint, lane)).toEqual([ids[lane]])
  return { tenant, endpoint, ids }
}

const newestFirst = (deliveries: Json[]): string[] => deliveries.map(({ accepted_at }) => accepted_at)
const idsOf = (deliveries: Json[]): string[] => deliveries.map(({ message_id }) => message_id)

/** The states that each of these is in comes to pass. */
async function allBecome(state: string, tenant: TenantHandle, endpoint: Json, ids: readonly string[]): Promise<void> {
  for (const id of ids) await tenant.deliveryIn(state, id, endpoint.id)
}

describe('the list of its deliveries', () => {
  it.each([1, 7, 250])('has each once, newest first, in pages of %d', async (limit) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ lanes: 4 })
    const messages = (from: number) => Array.from({ length: 15 }, (_, n) => ({ type: 'a', data: from + n }))
    const ids: string[] = []
    for (const from of [0, 15]) {
      const { body } = await tenant.call('POST', '/messages/batch', { body: { messages: messages(from) } })
      ids.push(...body.results.map(({ message }: Json) => message.id))
    }
    const pages = await allPages(tenant, `/deliveries?endpoint_id=${endpoint.id}`, limit)
    expect(Math.max(...pages.map(({ length }) => length))).toBeLessThanOrEqual(limit)
    expect(idsOf(pages.flat()).toSorted()).toEqual(ids.toSorted())
    const times = newestFirst(pages.flat())
    expect(times).toEqual(times.toSorted().toReversed())
  })

  it('may be of some states', async () => {
    const { tenant, endpoint, ids } = await withOneInEach('waiting')
    const [first = ''] = ids
    await tenant.call('POST', `/deliveries/${first}.${endpoint.id}/cancel`)
    const listed = async (state: string) =>
      idsOf((await allPages(tenant, `/deliveries?endpoint_id=${endpoint.id}&state=${state}`, 2)).flat())
    expect(await listed('cancelled')).toEqual([first])
    expect(await listed('waiting')).toEqual(ids.slice(1).toReversed())
  })

  it('agrees with the tenant’s, which is the read model', async () => {
    const { tenant, endpoint, ids } = await withOneInEach('succeeded')
    const [exact = []] = await allPages(tenant, `/deliveries?endpoint_id=${endpoint.id}`, 250)
    expect(idsOf(exact)).toEqual(ids.toReversed())
    const listed = await eventually('the read model to catch up', async () => {
      const { data } = (await tenant.call('GET', '/deliveries?state=succeeded')).body
      return data.length === ids.length && data
    })
    expect(listed).toEqual(exact)
  })

  it('still has what is in lanes that there are no more', async () => {
    const { tenant, endpoint, ids } = await withOneInEach('succeeded')
    await setLanes(tenant, endpoint, 1)
    await allDrained(endpoint)
    const later = await tenant.published({ ordering_key: KEYS[3] })
    expect(await idsHeldBy(endpoint, 0)).toEqual([ids[0], later])
    const pages = await allPages(tenant, `/deliveries?endpoint_id=${endpoint.id}`, 2)
    expect(idsOf(pages.flat())).toEqual([later, ...ids.toReversed()])
  })
})

describe('a delivery, whichever lane holds it,', () => {
  it('is found with its attempts, and its message', async () => {
    const { tenant, endpoint, ids } = await withOneInEach('succeeded')
    for (const [lane, id] of ids.entries()) {
      const path = `/deliveries/${id}.${endpoint.id}`
      expect((await tenant.call('GET', path)).body).toMatchObject({ message_id: id, ordering_key: KEYS[lane] })
      expect((await tenant.call('GET', `${path}/attempts`)).body.data).toMatchObject([{ number: 1, status: 200 }])
      const message = (await tenant.call('GET', `/messages/${id}`)).body
      expect(message).toMatchObject({ id, ordering_key: KEYS[lane] })
      expect(JSON.parse(message.payload).data).toBe(KEYS[lane])
      expect((await tenant.call('GET', `/messages/${id}/deliveries`)).body.data).toMatchObject([{ message_id: id }])
    }
  })

  it('that none of them holds is not there', async () => {
    const { tenant, endpoint } = await withOneInEach('succeeded')
    const path = `/deliveries/msg_01JD9Z6Q3V8M4T2K7N5B1C0XYE.${endpoint.id}`
    expectProblem(await tenant.call('GET', path), 404, 'not_found')
    for (const verb of ['retry', 'cancel']) {
      expectProblem(await tenant.call('POST', `${path}/${verb}`), 404, 'not_found')
    }
  })

  it('is retried when told to', async () => {
    const { tenant, endpoint, ids } = await withOneInEach('waiting')
    receivers.current.become(endpoint.url, 200)
    for (const id of ids) {
      expect((await tenant.call('POST', `/deliveries/${id}.${endpoint.id}/retry`)).status).toBe(202)
    }
    await allBecome('succeeded', tenant, endpoint, ids)
    expect(idsAt(endpoint).slice(4).toSorted()).toEqual(ids.toSorted())
  })

  it('is cancelled when told to, once', async () => {
    const { tenant, endpoint, ids } = await withOneInEach('waiting')
    for (const id of ids) {
      const cancel = () => tenant.call('POST', `/deliveries/${id}.${endpoint.id}/cancel`)
      expect((await cancel()).body).toMatchObject({ message_id: id, state: 'cancelled' })
      expectProblem(await cancel(), 409, 'wrong_state')
    }
    expect(arrivalsAt(endpoint)).toHaveLength(4)
  })

  it('goes again when its message is replayed', async () => {
    const { tenant, endpoint, ids } = await withOneInEach('succeeded')
    for (const id of ids) {
      const { status, body } = await tenant.call('POST', `/messages/${id}/replay`)
      expect({ status, endpoints: body.deliveries }).toMatchObject({
        status: 202,
        endpoints: [{ endpoint_id: endpoint.id }],
      })
    }
    await eventually('all to arrive again', () => arrivalsAt(endpoint).length === 8)
    expect(idsAt(endpoint).toSorted()).toEqual([...ids, ...ids].toSorted())
  })
})

describe('a replay of the endpoint', () => {
  const replay = (tenant: TenantHandle, { id }: Json, body: Json) =>
    tenant.call('POST', `/endpoints/${id}/replay`, { body: { since: LONG_AGO, ...body } })

  it('starts what every lane holds, and says how many', async () => {
    const { tenant, endpoint, ids } = await withOneInEach('succeeded')
    const { status, body } = await replay(tenant, endpoint, {})
    expect({ status, ...body }).toEqual({ status: 202, count: 4, next_cursor: null })
    await eventually('all to arrive again', () => arrivalsAt(endpoint).length === 8)
    expect(idsAt(endpoint).slice(4).toSorted()).toEqual(ids.toSorted())
  })

  it('starts nothing that is in another state than those wanted', async () => {
    const { tenant, endpoint } = await withOneInEach('succeeded')
    expect((await replay(tenant, endpoint, { states: ['dead', 'cancelled'] })).body.count).toBe(0)
  })

  it('that was more than one request may start goes on in the lane where it stopped', async () => {
    const { tenant, endpoint, ids } = await withOneInEach('succeeded')
    const started: string[] = []
    const original = Endpoint.prototype.replay
    // Each page says that it was ten times as many as a request may start, and one lane says that there are more.
    vi.spyOn(Endpoint.prototype, 'replay').mockImplementation(async function (this: Endpoint, query) {
      const page = await original.call(this, query)
      if (page.count === 0) return page
      const { deliveries } = await this.list({ limit: 10 })
      started.push(...idsOf(deliveries))
      return { count: 100_000, next: (deliveries[0]?.position ?? 0) + 1 }
    })
    const counts: number[] = []
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const { status, body } = await replay(tenant, endpoint, cursor === undefined ? {} : { cursor })
      expect(status, JSON.stringify(body)).toBe(202)
      counts.push(body.count)
      cursor = body.next_cursor
      expect(counts.length).toBeLessThan(10)
    }
    expect(started).toEqual(ids)
    expect(counts).toEqual([100_000, 100_000, 100_000, 100_000, 0])
  })
})

describe('dead letters', () => {
  it('of every lane are listed, and redriven together', async () => {
    const { tenant, endpoint, ids } = await withOneInEach('dead')
    const letters = () => tenant.call('GET', `/dead-letters?endpoint_id=${endpoint.id}`)
    await eventually('all to be listed', async () => (await letters()).body.data.length === 4)
    receivers.current.become(endpoint.url, 200)
    const { body } = await tenant.call('POST', '/dead-letters/redrive', { body: { endpoint_id: endpoint.id } })
    expect(body).toMatchObject({ count: 4, missing: 0 })
    await allBecome('succeeded', tenant, endpoint, ids)
    expect((await letters()).body.data).toEqual([])
  })

  it('of a lane that there is no more are redriven, too', async () => {
    const { tenant, endpoint, ids } = await withOneInEach('dead')
    const letters = () => tenant.call('GET', `/dead-letters?endpoint_id=${endpoint.id}`)
    await eventually('all to be listed', async () => (await letters()).body.data.length === 4)
    await setLanes(tenant, endpoint, 1)
    await allDrained(endpoint)
    receivers.current.become(endpoint.url, 200)
    const { body } = await tenant.call('POST', '/dead-letters/redrive', { body: { endpoint_id: endpoint.id } })
    expect(body).toMatchObject({ count: 4, missing: 0 })
    await allBecome('succeeded', tenant, endpoint, ids)
  })
})
