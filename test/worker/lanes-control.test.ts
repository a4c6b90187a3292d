/** What is done to an endpoint with several lanes reaches all of them. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { objectName } from '../../src/endpoints/lanes.ts'
import { loadEndpointSettings } from '../../src/endpoints/settings.ts'
import { itemOf } from './enqueued.ts'
import { alarmOf, createTenant, eventually, type Json, stubOf, type TenantHandle, useReceivers } from './harness.ts'
import { keyForEach, setLanes } from './laned.ts'
import { isSignedWith } from './signatures.ts'

const receivers = useReceivers()

const LANES = [0, 1, 2, 3]
const KEYS = keyForEach(4)

const arrivalsAt = ({ url }: Json) => receivers.current.arrivals(url)

/** One message for each lane. */
const publishToEach = (tenant: TenantHandle) =>
  Promise.all(KEYS.map((ordering_key) => tenant.published({ ordering_key })))

async function switchTo(tenant: TenantHandle, { id }: Json, verb: 'enable' | 'disable', body?: Json): Promise<void> {
  expect((await tenant.call('POST', `/endpoints/${id}/${verb}`, { body })).status).toBe(200)
}

async function withLanes(settings: Json = {}) {
  const tenant = await createTenant()
  return { tenant, endpoint: await tenant.endpoint({ lanes: 4, ...settings }) }
}

describe('disabling and enabling', () => {
  it('parks in every lane, and delivers it all afterwards', async () => {
    const { tenant, endpoint } = await withLanes()
    await switchTo(tenant, endpoint, 'disable')
    const ids = await publishToEach(tenant)
    for (const id of ids) expect((await tenant.delivery(id, endpoint.id)).state).toBe('parked')
    await switchTo(tenant, endpoint, 'enable')
    for (const id of ids) await tenant.deliveryIn('succeeded', id, endpoint.id)
    expect(arrivalsAt(endpoint)).toHaveLength(4)
  })

  it('cancels what is parked in every lane when told to', async () => {
    const { tenant, endpoint } = await withLanes()
    await switchTo(tenant, endpoint, 'disable')
    const ids = await publishToEach(tenant)
    await switchTo(tenant, endpoint, 'enable', { parked: 'cancel' })
    for (const id of ids) await tenant.deliveryIn('cancelled', id, endpoint.id)
    for (const id of await publishToEach(tenant)) await tenant.deliveryIn('succeeded', id, endpoint.id)
    expect(arrivalsAt(endpoint)).toHaveLength(4)
  })

  it('parks and cancels in lanes that still drain, too', async () => {
    const { tenant, endpoint } = await withLanes({ retry_delays_s: [3600], ordering: 'key' })
    receivers.current.become(endpoint.url, 500)
    const ids = await publishToEach(tenant)
    for (const id of ids) await tenant.deliveryIn('waiting', id, endpoint.id)
    await setLanes(tenant, endpoint, 1)
    await switchTo(tenant, endpoint, 'disable')
    for (const id of ids) await tenant.deliveryIn('parked', id, endpoint.id)
    await switchTo(tenant, endpoint, 'enable', { parked: 'cancel' })
    for (const id of ids) await tenant.deliveryIn('cancelled', id, endpoint.id)
  })

  it('is what a 410 does to all of them, though only one got it', async () => {
    const { tenant, endpoint } = await withLanes()
    receivers.current.become(endpoint.url, 410)
    await tenant.published({ ordering_key: KEYS[2] })
    const parked = await eventually('every lane to park', async () => {
      const ids = await publishToEach(tenant)
      const deliveries = await Promise.all(ids.map((id) => tenant.delivery(id, endpoint.id)))
      return deliveries.every(({ state }) => state === 'parked') && deliveries
    })
    expect(new Set(parked.map(({ reason }) => reason))).toEqual(new Set(['endpoint_disabled: gone']))
    expect((await tenant.call('GET', `/endpoints/${endpoint.id}`)).body.disabled_reason).toBe('gone')
  })
})

describe('its breaker', () => {
  const breakerOf = async (tenant: TenantHandle, { id }: Json) =>
    (await tenant.call('GET', `/endpoints/${id}/breaker`)).body

  /** An endpoint whose lane 2 has had enough, while the others know of nothing. */
  async function withOpenLane() {
    const { tenant, endpoint } = await withLanes({ retry_delays_s: [3600], max_in_flight: 10 })
    receivers.current.become(endpoint.url, 500)
    const ids = await Promise.all(Array.from({ length: 7 }, () => tenant.published({ ordering_key: KEYS[2] })))
    await eventually('it to open', async () => (await breakerOf(tenant, endpoint)).state === 'open')
    receivers.current.become(endpoint.url, 200)
    return { tenant, endpoint, ids }
  }

  it('is closed in the beginning, with as many attempts at once as all lanes together', async () => {
    const { tenant, endpoint } = await withLanes({ max_in_flight: 10 })
    expect(await breakerOf(tenant, endpoint)).toMatchObject({ state: 'closed', max_in_flight: 10, in_flight: 0 })
  })

  it('is shown as that of the lane which is worst off, with the sums of all', async () => {
    const { tenant, endpoint } = await withOpenLane()
    const release = receivers.current.hold(endpoint.url)
    const free = await tenant.published({ ordering_key: KEYS[1] })
    await tenant.deliveryIn('delivering', free, endpoint.id)
    expect(await breakerOf(tenant, endpoint)).toMatchObject({
      state: 'open',
      opened_at: expect.any(String),
      in_flight: 1,
      unfinished: 8,
    })
    release()
  })

  it('holds up no other lane', async () => {
    const { tenant, endpoint } = await withOpenLane()
    for (const lane of [0, 1, 3]) {
      await tenant.deliveryIn('succeeded', await tenant.published({ ordering_key: KEYS[lane] }), endpoint.id)
    }
    const held = await tenant.published({ ordering_key: KEYS[2] })
    expect(await tenant.delivery(held, endpoint.id)).toMatchObject({ state: 'parked', reason: 'breaker_open' })
  })

  it('is reset in every lane', async () => {
    const { tenant, endpoint, ids } = await withOpenLane()
    const { status, body } = await tenant.call('POST', `/endpoints/${endpoint.id}/breaker/reset`)
    expect({ status, state: body.state }).toEqual({ status: 200, state: 'closed' })
    for (const id of ids) await tenant.call('POST', `/deliveries/${id}.${endpoint.id}/retry`)
    for (const id of ids) await tenant.deliveryIn('succeeded', id, endpoint.id)
  })
})

describe('a rotated secret', () => {
  it('signs in every lane', async () => {
    const { tenant, endpoint } = await withLanes()
    await publishToEach(tenant)
    await eventually('all to arrive', () => arrivalsAt(endpoint).length === 4)
    const { body } = await tenant.call('POST', `/endpoints/${endpoint.id}/secret/rotate`, { body: { overlap_s: 0 } })
    await publishToEach(tenant)
    await eventually('all to arrive', () => arrivalsAt(endpoint).length === 8)
    const signedWith = (secret: string) => arrivalsAt(endpoint).map((arrival) => isSignedWith(secret, arrival))
    expect(signedWith(endpoint.secret)).toEqual([true, true, true, true, false, false, false, false])
    expect(signedWith(body.secret)).toEqual([false, false, false, false, true, true, true, true])
  })
})

describe('a deleted endpoint', () => {
  /** How much is stored, once the object that was told has ended: it answers for a moment without its tables. */
  const stored = (name: string) =>
    eventually(`${name} to have ended`, () =>
      runInDurableObject(stubOf(name), (_endpoint, { storage }) => {
        const count = (table: string) => storage.sql.exec(`SELECT count(*) AS count FROM ${table}`).one().count
        return { deliveries: count('deliveries'), settings: count('meta') }
      }).catch(() => null),
    )

  it('leaves nothing in any lane, those of before included, and no alarm', async () => {
    const { tenant, endpoint } = await withLanes({ retry_delays_s: [3600], ordering: 'key' })
    receivers.current.become(endpoint.url, 500)
    for (const id of await publishToEach(tenant)) await tenant.deliveryIn('waiting', id, endpoint.id)
    await setLanes(tenant, endpoint, 2)
    expect((await tenant.call('DELETE', `/endpoints/${endpoint.id}`)).status).toBe(204)
    for (const lane of LANES) {
      const name = objectName(endpoint.id, lane)
      expect({ lane, ...(await stored(name)) }).toEqual({ lane, deliveries: 0, settings: 0 })
      expect(await alarmOf(name)).toBeNull()
    }
  })

  it('is brought back in no lane by who has not heard of it', async () => {
    const { tenant, endpoint } = await withLanes()
    await publishToEach(tenant)
    const names = { tenant_id: tenant.id, endpoint_id: endpoint.id }
    const settings = await loadEndpointSettings(env.DB, tenant.id, endpoint.id)
    if (settings === null) throw new Error('it is not there')
    await tenant.call('DELETE', `/endpoints/${endpoint.id}`)
    for (const lane of LANES) {
      const name = objectName(endpoint.id, lane)
      await stored(name)
      const items = [{ ...itemOf(Date.now()), ordering_key: KEYS[lane] ?? '' }]
      await stubOf(name).configure(settings)
      const call = { ...names, settings_version: settings.version, epoch: settings.layout.epoch, items }
      for (const as of ['home', 'former'] as const) {
        expect((await stubOf(name).enqueue({ ...call, as })).results).toEqual([{ outcome: 'gone' }])
      }
      expect(await stored(name)).toEqual({ deliveries: 0, settings: 0 })
    }
  })
})
