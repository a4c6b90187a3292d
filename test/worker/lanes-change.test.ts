/** Changing the number of lanes while messages wait: a key stays in its old lane until nothing of it is left there. */
import { describe, expect, it } from 'vitest'
import {
  type Arrival,
  alarmOf,
  crash,
  createTenant,
  eventually,
  type Json,
  type TenantHandle,
  useReceivers,
} from './harness.ts'
import { allDrained, idsHeldBy, keyFor, keyForEach, layoutOf, publishTo, setLanes } from './laned.ts'

/** How late the others may hear that a lane has drained. */
const REPORTED_WITHIN_MS = 60_000

const receivers = useReceivers()

/** Lane 0 of one, 3 of 4, 1 of 2. */
const A = keyFor({ 4: 3, 2: 1 })
/** Lane 0 of one, 2 of 4, 0 of 2. */
const B = keyFor({ 4: 2, 2: 0 })

const contentOf = ({ body }: Arrival): string => JSON.parse(body).data
const contentsAt = ({ url }: Json) => receivers.current.arrivals(url).map(contentOf)

async function orderedEndpoint(settings: Json = {}) {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint({ ordering: 'key', retry_delays_s: [3600], ...settings })
  return { tenant, endpoint }
}

/** Refuses what begins like that, so that it and all behind it wait. */
function refuse(endpoint: Json, ...beginnings: string[]): void {
  const isRefused = (arrival: Arrival) => beginnings.some((beginning) => contentOf(arrival).startsWith(beginning))
  receivers.current.become(endpoint.url, (arrival) => new Response(null, { status: isRefused(arrival) ? 500 : 200 }))
}

const retry = (tenant: TenantHandle, endpoint: Json, id: string | undefined) =>
  tenant.call('POST', `/deliveries/${id}.${endpoint.id}/retry`)

async function allSucceed(tenant: TenantHandle, endpoint: Json, ids: readonly string[]): Promise<void> {
  for (const id of ids) await tenant.deliveryIn('succeeded', id, endpoint.id)
}

/** Each content once, by where it arrived first. */
const firstArrivals = (endpoint: Json, beginning: string) => [
  ...new Set(contentsAt(endpoint).filter((content) => content.startsWith(beginning))),
]

describe('while deliveries of a key wait, and there are more lanes', () => {
  async function withWaiting() {
    const { tenant, endpoint } = await orderedEndpoint()
    refuse(endpoint, 'a')
    const before = await publishTo(tenant, A, ['a1', 'a2'])
    await tenant.deliveryIn('waiting', before[0] ?? '', endpoint.id)
    await setLanes(tenant, endpoint, 4)
    return { tenant, endpoint, before }
  }

  it('new ones of that key go behind them, in the old lane', async () => {
    const { tenant, endpoint, before } = await withWaiting()
    const behind = await publishTo(tenant, A, ['a3', 'a4'])
    expect(await idsHeldBy(endpoint, 0)).toEqual([...before, ...behind])
    expect(await idsHeldBy(endpoint, 3)).toEqual([])
    expect(contentsAt(endpoint)).toEqual(['a1'])
  })

  it('other keys, and messages without any, move at once', async () => {
    const { tenant, endpoint, before } = await withWaiting()
    const others = await publishTo(tenant, B, ['b1', 'b2'])
    const keyless = await Promise.all(Array.from({ length: 20 }, () => tenant.published({ data: 'free' })))
    await allSucceed(tenant, endpoint, [...others, ...keyless])
    expect(await idsHeldBy(endpoint, 2)).toEqual(expect.arrayContaining(others))
    expect((await idsHeldBy(endpoint, 0)).length).toBeLessThan(before.length + keyless.length)
    expect(contentsAt(endpoint).filter((content) => content.startsWith('b'))).toEqual(['b1', 'b2'])
  })

  it('new ones go to the new lane once the old one has drained, behind nothing', async () => {
    const { tenant, endpoint, before } = await withWaiting()
    const behind = await publishTo(tenant, A, ['a3', 'a4'])
    expect((await layoutOf(endpoint)).draining).toBe(0b0001)
    refuse(endpoint)
    await retry(tenant, endpoint, before[0])
    await allSucceed(tenant, endpoint, [...before, ...behind])
    // Nobody but its alarm makes it tell.
    expect(await alarmOf(endpoint.id)).toBeLessThanOrEqual(Date.now() + REPORTED_WITHIN_MS)
    await allDrained(endpoint)
    const after = await publishTo(tenant, A, ['a5', 'a6'])
    await allSucceed(tenant, endpoint, after)
    expect(await idsHeldBy(endpoint, 3)).toEqual(after)
    expect(firstArrivals(endpoint, 'a')).toEqual(['a1', 'a2', 'a3', 'a4', 'a5', 'a6'])
  })

  it('the old lane remembers them through a crash', async () => {
    const { tenant, endpoint, before } = await withWaiting()
    await crash(endpoint.id)
    const behind = await publishTo(tenant, A, ['a3'])
    expect(await idsHeldBy(endpoint, 0)).toEqual([...before, ...behind])
    refuse(endpoint)
    await retry(tenant, endpoint, before[0])
    await allSucceed(tenant, endpoint, [...before, ...behind])
    await allDrained(endpoint)
  })

  it('that are cancelled, the key is free to go', async () => {
    const { tenant, endpoint, before } = await withWaiting()
    for (const id of before) await tenant.call('POST', `/deliveries/${id}.${endpoint.id}/cancel`)
    await allDrained(endpoint)
    refuse(endpoint)
    const after = await publishTo(tenant, A, ['a3'])
    await allSucceed(tenant, endpoint, after)
    expect(await idsHeldBy(endpoint, 3)).toEqual(after)
  })
})

describe('a change upon a change that has not come to its end', () => {
  it('keeps each key where it waits, and brings it home from there', async () => {
    const { tenant, endpoint } = await orderedEndpoint()
    refuse(endpoint, 'a', 'b')
    const a = await publishTo(tenant, A, ['a1'])
    await setLanes(tenant, endpoint, 4)
    const b = await publishTo(tenant, B, ['b1'])
    for (const id of [...a, ...b]) await tenant.deliveryIn('waiting', id, endpoint.id)
    await setLanes(tenant, endpoint, 2)
    a.push(...(await publishTo(tenant, A, ['a2'])))
    b.push(...(await publishTo(tenant, B, ['b2'])))
    expect(await idsHeldBy(endpoint, 0)).toEqual(a)
    expect(await idsHeldBy(endpoint, 2)).toEqual(b)
    await eventually('the empty lanes to have drained', async () => (await layoutOf(endpoint)).draining === 0b0101)

    refuse(endpoint)
    for (const [id] of [a, b]) await retry(tenant, endpoint, id)
    await allSucceed(tenant, endpoint, [...a, ...b])
    await allDrained(endpoint)
    const after = [...(await publishTo(tenant, A, ['a3'])), ...(await publishTo(tenant, B, ['b3']))]
    await allSucceed(tenant, endpoint, after)
    expect(await idsHeldBy(endpoint, 1)).toEqual([after[0]])
    expect(await idsHeldBy(endpoint, 0)).toEqual([...a, after[1]])
    expect(firstArrivals(endpoint, 'a')).toEqual(['a1', 'a2', 'a3'])
    expect(firstArrivals(endpoint, 'b')).toEqual(['b1', 'b2', 'b3'])
    expect(await layoutOf(endpoint)).toMatchObject({ lanes: 2, epoch: 2, draining: 0, lanes_max: 4 })
  })

  it('back to the number of before finds the key at home', async () => {
    const { tenant, endpoint } = await orderedEndpoint()
    refuse(endpoint, 'a')
    const ids = await publishTo(tenant, A, ['a1'])
    await tenant.deliveryIn('waiting', ids[0] ?? '', endpoint.id)
    await setLanes(tenant, endpoint, 4)
    await setLanes(tenant, endpoint, 1)
    ids.push(...(await publishTo(tenant, A, ['a2'])))
    expect(await idsHeldBy(endpoint, 0)).toEqual(ids)
    // Nothing in lane 0 belongs elsewhere, so there is nothing to wait for.
    await allDrained(endpoint)
  })
})

describe('with fewer lanes', () => {
  it('what waits in those that are no more is retried all the same, and then they have drained', async () => {
    const { tenant, endpoint } = await orderedEndpoint({ ordering: 'none', lanes: 4, retry_delays_s: [1] })
    refuse(endpoint, 'first')
    // Too few in each for its breaker.
    const keys = [...keyForEach(4), ...keyForEach(4), ...keyForEach(4)]
    const ids = await Promise.all(keys.map((ordering_key) => tenant.published({ data: 'first', ordering_key })))
    await eventually('all to have been refused', () => contentsAt(endpoint).length === ids.length)
    await setLanes(tenant, endpoint, 1)
    expect((await layoutOf(endpoint)).draining).not.toBe(0)
    refuse(endpoint)
    await allSucceed(tenant, endpoint, ids)
    await allDrained(endpoint)
    const later = await Promise.all(Array.from({ length: 4 }, () => tenant.published({ data: 'later' })))
    expect(await idsHeldBy(endpoint, 0)).toEqual(expect.arrayContaining(later))
  })

  it('a delivery in flight keeps its lane draining until it has ended', async () => {
    const { tenant, endpoint } = await orderedEndpoint({ lanes: 4 })
    const release = receivers.current.hold(endpoint.url)
    const [in_flight = ''] = await publishTo(tenant, A, ['a1'])
    await tenant.deliveryIn('delivering', in_flight, endpoint.id)
    await setLanes(tenant, endpoint, 1)
    const [behind = ''] = await publishTo(tenant, A, ['a2'])
    await eventually('the empty lanes to have drained', async () => (await layoutOf(endpoint)).draining === 0b1000)
    expect(await idsHeldBy(endpoint, 3)).toEqual([in_flight, behind])
    expect(contentsAt(endpoint)).toEqual(['a1'])
    release()
    await allSucceed(tenant, endpoint, [in_flight, behind])
    await allDrained(endpoint)
  })
})

describe('a delivery that is started again in a lane which its key has left', () => {
  it.each([
    ['retried', (tenant: TenantHandle, endpoint: Json, id: string) => retry(tenant, endpoint, id)],
    ['replayed', (tenant: TenantHandle, _: Json, id: string) => tenant.call('POST', `/messages/${id}/replay`)],
  ])('%s, is delivered, though others of its key wait where it lives now', async (_how, start) => {
    const { tenant, endpoint } = await orderedEndpoint()
    const [moved = ''] = await publishTo(tenant, A, ['a1'])
    await tenant.deliveryIn('succeeded', moved, endpoint.id)
    await setLanes(tenant, endpoint, 4)
    await allDrained(endpoint)
    refuse(endpoint, 'a2')
    const [waiting = ''] = await publishTo(tenant, A, ['a2'])
    await tenant.deliveryIn('waiting', waiting, endpoint.id)
    expect((await start(tenant, endpoint, moved)).status).toBe(202)
    await eventually('it to arrive again', () => contentsAt(endpoint).filter((data) => data === 'a1').length === 2)
    await tenant.deliveryIn('succeeded', moved, endpoint.id)
    expect((await layoutOf(endpoint)).draining).toBe(0)
  })
})
