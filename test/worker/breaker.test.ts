import { describe, expect, it } from 'vitest'
import { createTenant, eventually, type Json, type TenantHandle, useReceivers } from './harness.ts'

const receivers = useReceivers()

const WELL = {
  state: 'closed',
  consecutive_failures: 0,
  openings: 0,
  opened_at: null,
  open_until: null,
  max_in_flight: 10,
  in_flight: 0,
  failing_since: null,
  unfinished: 0,
}

async function breakerOf(tenant: TenantHandle, id: string): Promise<Json> {
  const { status, body } = await tenant.call('GET', `/endpoints/${id}/breaker`)
  expect(status).toBe(200)
  return body
}

/** An endpoint that failed five times in a row, with the messages that it failed. */
async function withOpenBreaker() {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint({ retry_delays_s: [3600], max_in_flight: 8 })
  receivers.current.become(endpoint.url, 500)
  const message_ids: string[] = []
  for (let n = 0; n < 5; n++) message_ids.push(await tenant.published({ data: n }))
  const breaker = await eventually('the breaker to open', async () => {
    const breaker = await breakerOf(tenant, endpoint.id)
    return breaker.state === 'open' && breaker
  })
  return { tenant, endpoint, message_ids, breaker }
}

describe('the breaker of an endpoint', () => {
  it('is closed to begin with', async () => {
    const tenant = await createTenant()
    expect(await breakerOf(tenant, (await tenant.endpoint()).id)).toEqual(WELL)
  })

  it('counts failures in a row, and forgets them at a success', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [3600] })
    receivers.current.become(endpoint.url, 500)
    await tenant.deliveryIn('waiting', await tenant.published(), endpoint.id)
    expect(await breakerOf(tenant, endpoint.id)).toMatchObject({
      state: 'closed',
      consecutive_failures: 1,
      failing_since: expect.stringMatching(/Z$/),
      unfinished: 1,
    })
    receivers.current.become(endpoint.url, 200)
    await tenant.deliveryIn('succeeded', await tenant.published({ data: 2 }), endpoint.id)
    expect(await breakerOf(tenant, endpoint.id)).toMatchObject({ consecutive_failures: 0, failing_since: null })
  })

  it('opens after five failures in a row, and says until when', async () => {
    const { breaker } = await withOpenBreaker()
    expect(breaker).toMatchObject({ consecutive_failures: 5, openings: 1, in_flight: 0, unfinished: 5 })
    const open_s = (Date.parse(breaker.open_until) - Date.parse(breaker.opened_at)) / 1000
    expect(open_s).toBeGreaterThanOrEqual(24)
    expect(open_s).toBeLessThanOrEqual(36)
  })

  it('parks what is published while it is open, and uses up no attempt', async () => {
    const { tenant, endpoint, message_ids } = await withOpenBreaker()
    const later = await tenant.publish({ data: 'later' })
    expect(later.body.deliveries[0].state).toBe('parked')
    for (const message_id of [...message_ids, later.body.id]) {
      const delivery = await tenant.delivery(message_id, endpoint.id)
      expect(delivery).toMatchObject({ state: 'parked', reason: 'breaker_open', next_attempt_at: null })
      expect(delivery.attempt_count).toBe(message_id === later.body.id ? 0 : 1)
    }
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(5)
  })

  it('is another one for each endpoint: a dead one holds up no other', async () => {
    const { tenant } = await withOpenBreaker()
    const other = await tenant.endpoint()
    await tenant.deliveryIn('succeeded', await tenant.published({ data: 'later' }), other.id)
    expect(await breakerOf(tenant, other.id)).toEqual(WELL)
  })
})

describe('closing the breaker by hand', () => {
  it('starts what is due, slowly at first', async () => {
    const { tenant, endpoint } = await withOpenBreaker()
    const { id: later } = (await tenant.publish({ data: 'later' })).body
    receivers.current.become(endpoint.url, 200)
    const { status, body } = await tenant.call('POST', `/endpoints/${endpoint.id}/breaker/reset`)
    expect(status).toBe(200)
    expect(body).toMatchObject({ state: 'closed', max_in_flight: 1, open_until: null })
    await tenant.deliveryIn('succeeded', later, endpoint.id)
  })

  it('lets concurrency climb back to the endpoint’s limit', async () => {
    const { tenant, endpoint } = await withOpenBreaker()
    receivers.current.become(endpoint.url, 200)
    await tenant.call('POST', `/endpoints/${endpoint.id}/breaker/reset`)
    for (let n = 0; n < 3; n++) await tenant.deliveryIn('succeeded', await tenant.published({ data: n }), endpoint.id)
    expect(await breakerOf(tenant, endpoint.id)).toMatchObject({ max_in_flight: 8, openings: 0 })
  })

  it('leaves alone what waits for its own time', async () => {
    const { tenant, endpoint, message_ids } = await withOpenBreaker()
    receivers.current.become(endpoint.url, 200)
    await tenant.call('POST', `/endpoints/${endpoint.id}/breaker/reset`)
    await tenant.deliveryIn('succeeded', await tenant.published({ data: 'later' }), endpoint.id)
    for (const message_id of message_ids) {
      expect(await tenant.delivery(message_id, endpoint.id)).toMatchObject({ state: 'waiting', attempt_count: 1 })
    }
  })

  it('changes nothing about one that is closed', async () => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint()
    const { status, body } = await tenant.call('POST', `/endpoints/${id}/breaker/reset`)
    expect([status, body.state]).toEqual([200, 'closed'])
  })
})
