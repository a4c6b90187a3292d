/** An endpoint with several lanes when something is down, late, or of before there were lanes; and what it promises its receiver. */
import { runInDurableObject } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import { Endpoint } from '../../durable-objects/endpoint/endpoint.ts'
import { Meta } from '../../durable-objects/endpoint/meta.ts'
import type { EndpointSettings } from '../../durable-objects/endpoint/rpc.ts'
import { objectName } from '../../src/endpoints/lanes.ts'
import {
  breakDatabase,
  breakEndpoint,
  crash,
  createTenant,
  eventually,
  type Json,
  stubOf,
  type TenantHandle,
  useReceivers,
} from './harness.ts'
import { allDrained, idsHeldBy, keyFor, keyForEach, layoutOf, setLanes } from './laned.ts'
import { expectProblem } from './problem.ts'

const receivers = useReceivers()

const KEYS = keyForEach(4)

const arrivalsAt = ({ url }: Json) => receivers.current.arrivals(url)
const idsAt = (endpoint: Json) => arrivalsAt(endpoint).map(({ headers }) => headers.get('webhook-id') ?? '')

async function laned(settings: Json = {}) {
  const tenant = await createTenant()
  return { tenant, endpoint: await tenant.endpoint({ lanes: 4, ordering: 'key', ...settings }) }
}

describe('a lane that does not answer', () => {
  it('makes a message that must keep its order wait with its publisher, and one of another lane not', async () => {
    const { tenant, endpoint } = await laned()
    const mend = breakEndpoint(objectName(endpoint.id, 2))
    const publish = (lane: number) =>
      tenant.publish({ data: lane, ordering_key: KEYS[lane] }, { 'idempotency-key': `${lane}` })
    const refused = await publish(2)
    expectProblem(refused, 503, 'not_all_placed')
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
    expect((await publish(1)).status).toBe(202)
    await eventually('the other to arrive', () => arrivalsAt(endpoint).length === 1)
    mend()
    const repeated = await publish(2)
    expect(repeated.body).toMatchObject({ id: refused.body.message_id, duplicate: false })
    await tenant.deliveryIn('succeeded', repeated.body.id, endpoint.id)
    await eventually('both to arrive', () => arrivalsAt(endpoint).length === 2)
  })

  it('gets a message without order by the queue, once it answers', async () => {
    const { tenant, endpoint } = await laned({ ordering: 'none' })
    const mend = breakEndpoint(objectName(endpoint.id, 2))
    const id = await tenant.published({ ordering_key: KEYS[2] })
    mend()
    await eventually('it to arrive', () => arrivalsAt(endpoint).length === 1)
    expect(await idsHeldBy(endpoint, 2)).toEqual([id])
  })

  it('and that may still hold the key of before a change is not passed over', async () => {
    const { tenant, endpoint } = await laned({ lanes: 1, retry_delays_s: [3600] })
    receivers.current.become(endpoint.url, 500)
    const waiting = await tenant.published({ data: 1, ordering_key: KEYS[3] })
    await tenant.deliveryIn('waiting', waiting, endpoint.id)
    await setLanes(tenant, endpoint, 4)
    const mend = breakEndpoint(endpoint.id)
    expectProblem(await tenant.publish({ data: 2, ordering_key: KEYS[3] }), 503, 'not_all_placed')
    mend()
    expect(await idsHeldBy(endpoint, 3)).toEqual([])
    const behind = await tenant.published({ data: 2, ordering_key: KEYS[3] })
    expect(await idsHeldBy(endpoint, 0)).toEqual([waiting, behind])
  })
})

describe('a lane that has not heard of a change', () => {
  /** Whose objects were not told; whoever publishes knows. */
  async function untold() {
    const { tenant, endpoint } = await laned({ lanes: 1, event_types: ['invoice.paid'] })
    await tenant.deliveryIn('succeeded', await tenant.published({ ordering_key: KEYS[0] }), endpoint.id)
    const configure = vi.spyOn(Endpoint.prototype, 'configure').mockRejectedValue(new Error('it does not answer'))
    await setLanes(tenant, endpoint, 4)
    // Reads what publishers go by, and calls no object.
    await tenant.published({ type: 'nobody.wants' })
    return { tenant, endpoint, configure }
  }

  it('asks D1, and goes by the new one', async () => {
    const { tenant, endpoint } = await untold()
    const ids = await Promise.all(KEYS.map((ordering_key) => tenant.published({ ordering_key })))
    for (const id of ids) await tenant.deliveryIn('succeeded', id, endpoint.id)
    for (const lane of [1, 2, 3]) expect(await idsHeldBy(endpoint, lane)).toEqual([ids[lane]])
  })

  it('refuses while D1 is down, rather than go by the old one', async () => {
    const { tenant, endpoint } = await untold()
    const mend = breakDatabase()
    for (const ordering_key of KEYS) {
      expectProblem(await tenant.publish({ data: 'refused', ordering_key }), 503, 'not_all_placed')
    }
    mend()
    const ids: string[] = []
    for (const ordering_key of KEYS) ids.push(await tenant.published({ data: 'taken', ordering_key }))
    for (const id of ids) await tenant.deliveryIn('succeeded', id, endpoint.id)
    const contents = arrivalsAt(endpoint).map(({ body }) => JSON.parse(body).data)
    expect(contents).not.toContain('refused')
  })

  it('hears of it at last, without a message', async () => {
    const { endpoint, configure } = await untold()
    expect((await layoutOf(endpoint)).draining).toBe(0b0001)
    configure.mockRestore()
    await eventually('lane 0 to have heard, and drained', async () => (await layoutOf(endpoint)).draining === 0)
  })
})

describe('while D1 is down', () => {
  it('lanes that know the layout go on by it', async () => {
    const { tenant, endpoint } = await laned()
    const publishToEach = () => Promise.all(KEYS.map((ordering_key) => tenant.published({ ordering_key })))
    await publishToEach()
    const mend = breakDatabase()
    await publishToEach()
    await eventually('all to arrive', () => arrivalsAt(endpoint).length === 8)
    mend()
  })

  it('a lane that has drained keeps it in mind, and tells when D1 answers again', async () => {
    const { tenant, endpoint } = await laned({ lanes: 1, retry_delays_s: [3600] })
    receivers.current.become(endpoint.url, 500)
    const id = await tenant.published({ ordering_key: KEYS[3] })
    await tenant.deliveryIn('waiting', id, endpoint.id)
    await setLanes(tenant, endpoint, 4)
    receivers.current.become(endpoint.url, 200)
    const mend = breakDatabase((sql) => sql.startsWith('update') && sql.includes('layout'))
    await tenant.call('POST', `/deliveries/${id}.${endpoint.id}/retry`)
    await tenant.deliveryIn('succeeded', id, endpoint.id)
    await runInDurableObject(stubOf(endpoint.id), (object) => object.alarm())
    expect((await layoutOf(endpoint)).draining).toBe(0b0001)
    mend()
    await allDrained(endpoint)
  })
})

describe('max_in_flight', () => {
  /** Answers nobody before it is told to, and counts who waits. */
  function holdAndCount(url: string) {
    const seen = { now: 0, most: 0, release: () => {} }
    let is_open = false
    seen.release = () => {
      is_open = true
    }
    receivers.current.become(url, async () => {
      seen.most = Math.max(seen.most, ++seen.now)
      while (!is_open) await scheduler.wait(5)
      await scheduler.wait(2)
      seen.now--
      return new Response()
    })
    return seen
  }

  async function publishMany(tenant: TenantHandle, count: number): Promise<void> {
    const messages = Array.from({ length: count }, (_, data) => ({ type: 'a', data }))
    expect((await tenant.call('POST', '/messages/batch', { body: { messages } })).status).toBe(200)
  }

  it('is what all lanes together keep to, and use', async () => {
    const { tenant, endpoint } = await laned({ ordering: 'none', max_in_flight: 6 })
    const seen = holdAndCount(endpoint.url)
    await publishMany(tenant, 80)
    await eventually('all lanes to be busy', () => seen.now === 6)
    const breaker = (await tenant.call('GET', `/endpoints/${endpoint.id}/breaker`)).body
    expect(breaker).toMatchObject({ in_flight: 6, max_in_flight: 6, unfinished: 80 })
    seen.release()
    await eventually('all to arrive', () => arrivalsAt(endpoint).length === 80)
    expect(seen.most).toBe(6)
  })

  it('is kept by lanes that still drain together with those that stay', async () => {
    const { tenant, endpoint } = await laned({ ordering: 'none', max_in_flight: 6 })
    const seen = holdAndCount(endpoint.url)
    await publishMany(tenant, 60)
    await eventually('all lanes to be busy', () => seen.now === 6)
    await setLanes(tenant, endpoint, 1)
    await publishMany(tenant, 20)
    seen.release()
    await eventually('all to arrive', () => arrivalsAt(endpoint).length === 80)
    expect(seen.most).toBe(6)
    await allDrained(endpoint)
  })

  it('is kept by new lanes as soon as what the only one had in flight at the change has ended', async () => {
    const { tenant, endpoint } = await laned({ ordering: 'none', max_in_flight: 6, lanes: 1 })
    const seen = holdAndCount(endpoint.url)
    await publishMany(tenant, 20)
    await eventually('the only lane to be busy', () => seen.now === 6)
    await setLanes(tenant, endpoint, 4)
    seen.release()
    await eventually('what was there to arrive', () => arrivalsAt(endpoint).length === 20)
    const then = holdAndCount(endpoint.url)
    await publishMany(tenant, 60)
    await eventually('the lanes to be busy', () => then.now > 3)
    then.release()
    await eventually('all to arrive', () => arrivalsAt(endpoint).length === 80)
    expect(then.most).toBeLessThanOrEqual(6)
  })
})

describe('an endpoint of before there were lanes', () => {
  it('works as one lane, and may have more', async () => {
    const { tenant, endpoint } = await laned({ lanes: 1 })
    const before = await tenant.published({ ordering_key: keyFor({ 4: 1 }) })
    await tenant.deliveryIn('succeeded', before, endpoint.id)
    await runInDurableObject(stubOf(endpoint.id), (_endpoint, { storage }) => {
      const meta = new Meta(storage.sql)
      const { layout: _, ...settings } = meta.read<EndpointSettings>('settings') ?? expect.fail('it knows no settings')
      meta.write('settings', settings)
    })
    await crash(endpoint.id)
    const ids = [await tenant.published({ ordering_key: keyFor({ 4: 1 }) })]
    expect(await idsHeldBy(endpoint, 0)).toEqual([before, ...ids])
    await setLanes(tenant, endpoint, 4)
    await allDrained(endpoint)
    ids.push(await tenant.published({ ordering_key: keyFor({ 4: 1 }) }))
    for (const id of ids) await tenant.deliveryIn('succeeded', id, endpoint.id)
    expect(await idsHeldBy(endpoint, 1)).toEqual(ids.slice(1))
    expect(idsAt(endpoint)).toEqual([before, ...ids])
  })
})
