/** An Endpoint that is evicted, restarted or killed: attempted again what had not ended, never what had. */
import { evictDurableObject } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import { Store } from '../../durable-objects/endpoint/store.ts'
import {
  alarmOf,
  crash,
  createTenant,
  eventually,
  type Json,
  ringAlarm,
  stubOf,
  type TenantHandle,
  useReceivers,
} from './harness.ts'

/** How late work may be noticed when all faster clocks are lost (design: by more than 60 s). */
const BACKUP_MS = 60_000
const receivers = useReceivers()

const arrivalsAt = (endpoint: Json) => receivers.current.arrivals(endpoint.url)
const idsAt = (endpoint: Json) => arrivalsAt(endpoint).map(({ headers }) => headers.get('webhook-id'))

const publishMany = (tenant: TenantHandle, count: number) =>
  Promise.all(Array.from({ length: count }, () => tenant.published()))

const breakerOf = async (tenant: TenantHandle, { id }: Json) =>
  (await tenant.call('GET', `/endpoints/${id}/breaker`)).body

describe('killed in the middle of attempts', () => {
  it.each([
    { what: 'its alarm', noticed: (endpoint: Json) => ringAlarm(endpoint.id) },
    { what: 'any call', noticed: (endpoint: Json) => stubOf(endpoint.id).breaker() },
  ])('makes them again when it is woken by $what, and nothing that had succeeded', async ({ noticed }) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ max_in_flight: 30 })
    const succeeded = await publishMany(tenant, 5)
    for (const message_id of succeeded) await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    receivers.current.hang(endpoint.url)
    const interrupted = await publishMany(tenant, 12)
    await eventually('twelve attempts to hang', () => arrivalsAt(endpoint).length === 17)

    await crash(endpoint.id)
    receivers.current.become(endpoint.url, 200)
    await noticed(endpoint)
    for (const message_id of interrupted) {
      const { attempt_log } = await tenant.deliveryIn('succeeded', message_id, endpoint.id)
      expect(attempt_log).toHaveLength(1)
    }
    expect(idsAt(endpoint).slice(17).toSorted()).toEqual(interrupted.toSorted())
  })

  it('has its alarm set as long as anything is in flight', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    receivers.current.hang(endpoint.url)
    await tenant.published()
    expect(await alarmOf(endpoint.id)).toBeLessThanOrEqual(Date.now() + BACKUP_MS)
    expect(await ringAlarm(endpoint.id)).toBe(true)
    expect(await alarmOf(endpoint.id)).toBeLessThanOrEqual(Date.now() + BACKUP_MS)
  })

  it('knows an accepted message again that it was attempting', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    receivers.current.hang(endpoint.url)
    const key = { 'idempotency-key': 'order-1' }
    const { body } = await tenant.publish({}, key)
    await eventually('the attempt to hang', () => arrivalsAt(endpoint).length === 1)
    await crash(endpoint.id)
    receivers.current.become(endpoint.url, 200)
    expect((await tenant.publish({}, key)).body).toMatchObject({ id: body.id, duplicate: true })
    await tenant.deliveryIn('succeeded', body.id, endpoint.id)
    expect(idsAt(endpoint)).toEqual([body.id, body.id])
  })

  it('keeps attempts, their number and the schedule of what waits for a retry', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [1, 3600] })
    receivers.current.become(endpoint.url, 500)
    const message_id = await tenant.published()
    const before = await eventually('a second failure', async () => {
      const delivery = await tenant.delivery(message_id, endpoint.id)
      return delivery.attempt_count === 2 && delivery.state === 'waiting' && delivery
    })
    await crash(endpoint.id)
    expect(await tenant.delivery(message_id, endpoint.id)).toEqual(before)
    expect(arrivalsAt(endpoint)).toHaveLength(2)
  })
})

describe('evicted while idle', () => {
  it('sends nothing again, and keeps every delivery', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ timeout_ms: 1000 })
    const message_ids = await publishMany(tenant, 5)
    for (const message_id of message_ids) await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    await evictDurableObject(stubOf(endpoint.id))
    const { data } = (await tenant.call('GET', `/deliveries?endpoint_id=${endpoint.id}`)).body
    expect(data.map(({ state }: Json) => state)).toEqual(message_ids.map(() => 'succeeded'))
    await ringAlarm(endpoint.id)
    const next = await tenant.published()
    await tenant.deliveryIn('succeeded', next, endpoint.id)
    expect(idsAt(endpoint)).toEqual([...idsAt(endpoint).slice(0, 5), next])
  })

  it('delivers a message that comes with the first call, with the settings it had', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ headers: { 'x-plan': 'gold' } })
    await evictDurableObject(stubOf(endpoint.id))
    const message_id = await tenant.published()
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    expect(arrivalsAt(endpoint)[0]?.headers.get('x-plan')).toBe('gold')
  })
})

describe('its condition', () => {
  it('keeps an open breaker open, for as long as it had to be', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [3600] })
    receivers.current.become(endpoint.url, 500)
    await publishMany(tenant, 5)
    await eventually('the breaker to open', async () => (await breakerOf(tenant, endpoint)).state === 'open')
    const { open_until, opened_at, openings, failing_since } = await breakerOf(tenant, endpoint)

    await crash(endpoint.id)
    expect(await breakerOf(tenant, endpoint)).toMatchObject({
      state: 'open',
      open_until,
      opened_at,
      openings,
      failing_since,
    })
    await tenant.published()
    await ringAlarm(endpoint.id)
    expect(arrivalsAt(endpoint)).toHaveLength(5)
  })

  it('stays disabled', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    receivers.current.become(endpoint.url, 410)
    const message_id = await tenant.published()
    await tenant.deliveryIn('parked', message_id, endpoint.id)
    await crash(endpoint.id)
    expect(await tenant.delivery(message_id, endpoint.id)).toMatchObject({ reason: 'endpoint_disabled: gone' })
    await ringAlarm(endpoint.id)
    expect(arrivalsAt(endpoint)).toHaveLength(1)
  })

  it('goes on cancelling what was parked', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    const message_ids = await publishMany(tenant, 20)
    // The Endpoint yields before each page, and here it never gets further than that.
    const wait = scheduler.wait.bind(scheduler)
    const yielding = vi
      .spyOn(scheduler, 'wait')
      .mockImplementation((ms, options) => (ms === 0 ? new Promise(() => {}) : wait(ms, options)))
    await tenant.call('POST', `/endpoints/${endpoint.id}/enable`, { body: { parked: 'cancel' } })
    expect((await tenant.delivery(message_ids[0] ?? '', endpoint.id)).state).toBe('pending')
    yielding.mockRestore()
    await crash(endpoint.id)
    for (const message_id of message_ids) await tenant.deliveryIn('cancelled', message_id, endpoint.id)
    expect(arrivalsAt(endpoint)).toEqual([])
  })
})

describe('an effect that fails', () => {
  it.each([
    { what: 'the end of an attempt', method: 'update' as const },
    { what: 'looking for what is due', method: 'takeDue' as const },
  ])('makes it begin again from storage: $what', async ({ method }) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [1] })
    receivers.current.become(endpoint.url, 500)
    const message_ids = await publishMany(tenant, 2)
    await eventually('both to wait', async () => (await breakerOf(tenant, endpoint)).consecutive_failures === 2)
    receivers.current.become(endpoint.url, 200)
    const failing = vi.spyOn(Store.prototype, method).mockImplementationOnce(() => {
      throw new Error('the disk is full')
    })
    await eventually('the failure', () => failing.mock.calls.length > 0)
    for (const message_id of message_ids) {
      await eventually('the delivery to succeed', async () => {
        await ringAlarm(endpoint.id).catch(() => {})
        const { body } = await tenant.call('GET', `/deliveries/${message_id}.${endpoint.id}`)
        return body.state === 'succeeded'
      })
    }
    const { unfinished, in_flight } = await breakerOf(tenant, endpoint)
    expect({ unfinished, in_flight }).toEqual({ unfinished: 0, in_flight: 0 })
  })
})
