/** Publishers of an endpoint whose number of lanes changes: what one has heard of, and another has not. */
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { enqueue } from '../../src/endpoints/enqueue.ts'
import { homeOf, type Layout, newLayout, ONE_LANE, objectName } from '../../src/endpoints/lanes.ts'
import { toBase64 } from '../../src/lib/hash.ts'
import type { FanoutMessage } from '../../src/queues/messages.ts'
import { itemOf } from './enqueued.ts'
import { consumed, createTenant, eventually, type Json, stubOf, type TenantHandle, useReceivers } from './harness.ts'
import { allDrained, idsHeldBy, keyFor, keyForEach, layoutOf, publishTo, setLanes } from './laned.ts'
import { expectProblem } from './problem.ts'

const receivers = useReceivers()

const arrivalsAt = ({ url }: Json) => receivers.current.arrivals(url)
const idsAt = (endpoint: Json) => arrivalsAt(endpoint).map(({ headers }) => headers.get('webhook-id') ?? '')

/** As a publisher calls a lane who knows this layout. */
const callOf = (tenant: TenantHandle, endpoint: Json, { epoch }: Layout, ordering_key: string) => ({
  tenant_id: tenant.id,
  endpoint_id: endpoint.id,
  settings_version: 0,
  epoch,
  as: 'home' as const,
  items: [{ ...itemOf(Date.now()), ordering_key }],
})

describe('an idempotency key', () => {
  const KEYS = Array.from({ length: 8 }, (_, n) => `order-${n}`)
  const publishAs = (tenant: TenantHandle, key: string, data: string, ordering_key?: string) =>
    tenant.publish({ data, ...(ordering_key !== undefined && { ordering_key }) }, { 'idempotency-key': key })

  it.each([
    ['without an ordering key', undefined],
    ['with an ordering key', keyFor({ 4: 3, 2: 1 })],
  ])('%s, means the same message before and after every change', async (_what, ordering_key) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ ordering: 'key' })
    const ids: string[] = []
    for (const key of KEYS) ids.push((await publishAs(tenant, key, 'first', ordering_key)).body.id)
    await eventually('all to arrive', () => arrivalsAt(endpoint).length === KEYS.length)
    for (const lanes of [4, 2]) {
      await setLanes(tenant, endpoint, lanes)
      await allDrained(endpoint)
      for (const [n, key] of KEYS.entries()) {
        const again = await publishAs(tenant, key, 'first', ordering_key)
        expect({ status: again.status, ...again.body }).toMatchObject({ status: 202, id: ids[n], duplicate: true })
        expectProblem(await publishAs(tenant, key, 'other', ordering_key), 409, 'idempotency_conflict')
      }
      const later = await publishAs(tenant, `new-${lanes}`, 'first', ordering_key)
      expect(later.body.duplicate).toBe(false)
      await tenant.deliveryIn('succeeded', later.body.id, endpoint.id)
    }
    expect(idsAt(endpoint)).toHaveLength(KEYS.length + 2)
    expect(new Set(idsAt(endpoint)).size).toBe(KEYS.length + 2)
  })

  it('first used while a change is under way is one message for all that race', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const publishing = KEYS.flatMap((key) => [1, 2, 3].map(() => publishAs(tenant, key, 'first')))
    const [replies] = await Promise.all([Promise.all(publishing), setLanes(tenant, endpoint, 4)])
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([202]))
    const ids = new Set(replies.map(({ body }) => body.id))
    expect(ids.size).toBe(KEYS.length)
    for (const id of ids) await tenant.deliveryIn('succeeded', id, endpoint.id)
    expect(idsAt(endpoint).toSorted()).toEqual([...ids].toSorted())
  })
})

describe('a publisher who has not heard of a change', () => {
  it('is told so by any lane that has, which takes nothing', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await setLanes(tenant, endpoint, 4)
    const layout = await layoutOf(endpoint)
    for (const lane of [0, 1, 2, 3]) {
      const stub = stubOf(objectName(endpoint.id, lane))
      const answer = await stub.enqueue(callOf(tenant, endpoint, ONE_LANE, keyFor({ 4: lane })))
      expect(answer).toMatchObject({ results: [], moved: { lanes: 4, epoch: layout.epoch } })
      expect(await idsHeldBy(endpoint, lane)).toEqual([])
    }
  })

  it.each([
    ['one lane, when there are 4 now', 1, [4]],
    ['4 lanes, when there is one now', 4, [1]],
    ['one lane, when there were 16 since, and are 2 now', 1, [16, 2]],
    ['2 lanes, when there were 4 since, and are 2 again', 2, [4, 2]],
  ])('and goes by %s, reaches the right lanes all the same', async (_what, before, changes) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ lanes: before, max_in_flight: 16 })
    for (const lanes of changes) await setLanes(tenant, endpoint, lanes)
    const { lanes } = await layoutOf(endpoint)
    const offers = Array.from({ length: 20 }, (_, n) => ({
      item: { ...itemOf(Date.now()), ordering_key: `key-${n}` },
      may_be_known: false,
    }))
    const names = { tenant_id: tenant.id, endpoint_id: endpoint.id, settings_version: 0 }
    const results = await enqueue(
      { env, now: Date.now, waitUntil: () => {} },
      { ...names, layout: newLayout(before) },
      offers,
    )
    expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set(['accepted']))
    for (const { item } of offers) {
      expect(await idsHeldBy(endpoint, homeOf({ lanes }, item))).toContain(item.message_id)
      await tenant.deliveryIn('succeeded', item.message_id, endpoint.id)
    }
    expect(idsAt(endpoint)).toHaveLength(offers.length)
  })
})

describe('many publishers', () => {
  it('lose, repeat and reorder nothing while the number changes again and again', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ ordering: 'key', max_in_flight: 16 })
    receivers.current.become(endpoint.url, async () => {
      await scheduler.wait(5)
      return new Response()
    })
    const keys = Array.from({ length: 12 }, (_, n) => `customer-${n}`)
    const numbers = Array.from({ length: 20 }, (_, n) => String(n).padStart(2, '0'))
    const change = async () => {
      for (const lanes of [4, 2, 16, 3]) await setLanes(tenant, endpoint, lanes)
    }
    const publishing = keys.map((key) =>
      publishTo(
        tenant,
        key,
        numbers.map((number) => `${key} ${number}`),
      ),
    )
    const [published] = await Promise.all([Promise.all(publishing), change()])
    await eventually('all to arrive', () => arrivalsAt(endpoint).length >= published.flat().length, 12_000)
    expect(idsAt(endpoint).toSorted()).toEqual(published.flat().toSorted())
    for (const ids of published) expect(idsAt(endpoint).filter((id) => ids.includes(id))).toEqual(ids)
    await allDrained(endpoint)
  })
})

describe('a fan-out that goes through the queue', () => {
  it('is delivered once everywhere, though some endpoints have lanes', async () => {
    const tenant = await createTenant()
    const settings = Array.from({ length: 26 }, (_, n) => (n % 3 === 0 ? { lanes: 4 } : {}))
    const endpoints = await Promise.all(settings.map((lanes) => tenant.endpoint(lanes)))
    const ids: string[] = []
    for (let n = 0; n < 4; n++) ids.push(await tenant.published({ data: n }))
    for (const endpoint of endpoints) {
      await eventually('all to arrive', () => idsAt(endpoint).length >= ids.length)
      expect(idsAt(endpoint).toSorted()).toEqual(ids.toSorted())
    }
  })

  it.each([
    ['always had several lanes', [4]],
    ['has several by now', [1, 4]],
    ['has fewer by now', [4, 1]],
  ])('finds the lane of an endpoint that %s, and comes twice without harm', async (_what, [first = 1, ...changes]) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ lanes: first })
    for (const lanes of changes) await setLanes(tenant, endpoint, lanes)
    const { lanes } = await layoutOf(endpoint)
    const queued = keyForEach(4).map((ordering_key): FanoutMessage => {
      const item = { ...itemOf(Date.now()), ordering_key, body: { base64: toBase64(new TextEncoder().encode('hi')) } }
      const { note: _, ...fanout } = item
      return { v: 1, tenant_id: tenant.id, item: fanout, endpoint_ids: [endpoint.id], notes: {} }
    })
    for (let times = 0; times < 2; times++) expect(await consumed('fanout', queued)).toEqual(queued.map(() => 'acked'))
    for (const { item } of queued) {
      await tenant.deliveryIn('succeeded', item.message_id, endpoint.id)
      expect(await idsHeldBy(endpoint, homeOf({ lanes }, item))).toContain(item.message_id)
    }
    expect(idsAt(endpoint).toSorted()).toEqual(queued.map(({ item }) => item.message_id).toSorted())
  })
})
