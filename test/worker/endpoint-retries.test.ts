/** When a failed delivery is attempted again, and that its clock may be early, late, doubled or lost. */
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import type { RetryMessage } from '../../src/queues/messages.ts'
import { consumeRetry } from '../../src/queues/retries.ts'
import {
  alarmOf,
  createTenant,
  eventually,
  type Json,
  ringAlarm,
  skip,
  stubOf,
  type TenantHandle,
  useReceivers,
} from './harness.ts'

const BACKUP_MS = 60_000
const receivers = useReceivers()

const arrivalsAt = (endpoint: Json) => receivers.current.arrivals(endpoint.url)
const msUntil = (time: string) => Date.parse(time) - Date.now()

/** The retries queue takes messages and brings none. */
function loseRetries() {
  const sendBatch = vi.spyOn(env.RETRIES, 'sendBatch').mockResolvedValue(undefined as never)
  const sent = () => sendBatch.mock.calls.flatMap(([batch]) => [...batch] as MessageSendRequest<RetryMessage>[])
  return { sendBatch, sent }
}

async function waitingDelivery(retry_delays_s: number[]) {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint({ retry_delays_s })
  const { sent } = loseRetries()
  receivers.current.become(endpoint.url, 500)
  const message_id = await tenant.published()
  const delivery = await tenant.deliveryIn('waiting', message_id, endpoint.id)
  const [clock] = await eventually('its clock', () => sent().length > 0 && sent())
  if (clock === undefined) throw new Error('there is a clock')
  return { tenant, endpoint, message_id, delivery, clock, sent }
}

const ring = (body: RetryMessage) => consumeRetry({ env, now: Date.now, waitUntil: () => {} }, body)

async function failedAgain(tenant: TenantHandle, message_id: string, endpoint: Json, attempts: number): Promise<Json> {
  return eventually(`attempt ${attempts} to fail`, async () => {
    const delivery = await tenant.delivery(message_id, endpoint.id)
    return delivery.attempt_count === attempts && delivery.state !== 'delivering' && delivery
  })
}

describe('the schedule', () => {
  it('is the one that Standard Webhooks recommends, each delay spread by 20 %, and then the delivery is dead', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const { sent } = loseRetries()
    receivers.current.become(
      endpoint.url,
      ({ body }) => new Response(null, { status: body.includes('poison') ? 500 : 200 }),
    )
    const message_id = await tenant.published({ data: 'poison' })
    const delays_s = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    for (const [i, delay_s] of delays_s.entries()) {
      const { state, next_attempt_at } = await failedAgain(tenant, message_id, endpoint, i + 1)
      expect(state).toBe('waiting')
      expect(msUntil(next_attempt_at) / 1000).toBeGreaterThan(delay_s * 0.8 - 2)
      expect(msUntil(next_attempt_at) / 1000).toBeLessThanOrEqual(delay_s * 1.2)
      // The receiver is well otherwise, so that its breaker stays closed.
      await tenant.deliveryIn('succeeded', await tenant.published(), endpoint.id)
      const clock = await eventually('its clock', () => sent()[i])
      skip(msUntil(next_attempt_at))
      await ring(clock.body)
    }
    expect(await failedAgain(tenant, message_id, endpoint, delays_s.length + 1)).toMatchObject({ state: 'dead' })
    expect(sent()).toHaveLength(delays_s.length)
  })

  it('spreads the delays of deliveries that failed together', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [1000] })
    receivers.current.become(endpoint.url, 500)
    loseRetries()
    const ids = await Promise.all([1, 2, 3, 4].map(() => tenant.published()))
    const waiting = await Promise.all(ids.map((id) => tenant.deliveryIn('waiting', id, endpoint.id)))
    expect(new Set(waiting.map(({ next_attempt_at }) => next_attempt_at)).size).toBe(4)
  })

  it('is followed as it is when the retry fails, not as it was when the message came', async () => {
    const { tenant, endpoint, message_id } = await waitingDelivery([100])
    await tenant.call('PATCH', `/endpoints/${endpoint.id}`, { body: { retry_delays_s: [100, 5000] } })
    skip(121_000)
    await ringAlarm(endpoint.id)
    const { state, next_attempt_at } = await failedAgain(tenant, message_id, endpoint, 2)
    expect(state).toBe('waiting')
    expect(msUntil(next_attempt_at)).toBeGreaterThan(3_900_000)
  })
})

describe('the clock of a retry', () => {
  it('is one queue message, delayed until the retry is due and no longer than a second more', async () => {
    const { endpoint, delivery, clock, sent } = await waitingDelivery([600])
    expect(sent()).toHaveLength(1)
    expect(clock.body).toMatchObject({ v: 1, endpoint_id: endpoint.id, due_at: Date.parse(delivery.next_attempt_at) })
    const late_ms = (clock.delaySeconds ?? 0) * 1000 - (clock.body.due_at - Date.parse(delivery.updated_at))
    expect(late_ms).toBeGreaterThanOrEqual(-100)
    expect(late_ms).toBeLessThan(1100)
  })

  it('attempts the delivery when it rings in time', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [1] })
    receivers.current.become(endpoint.url, 500)
    const message_id = await tenant.published()
    await tenant.deliveryIn('waiting', message_id, endpoint.id)
    receivers.current.become(endpoint.url, 200)
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    expect(arrivalsAt(endpoint)).toHaveLength(2)
  })

  it('that rings early does nothing but is set again for the rest', async () => {
    const { endpoint, tenant, message_id, delivery, clock } = await waitingDelivery([600])
    const send = vi.spyOn(env.RETRIES, 'send').mockResolvedValue(undefined as never)
    skip(200_000)
    await ring(clock.body)
    expect(await tenant.delivery(message_id, endpoint.id)).toEqual(delivery)
    const rest_s = msUntil(delivery.next_attempt_at) / 1000
    expect(send.mock.calls).toEqual([[clock.body, { delaySeconds: expect.closeTo(rest_s, -0.5) }]])
  })

  it('is split where the delay is longer than a queue can hold', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const { endpoint, clock, delivery } = await waitingDelivery([86_400])
    expect(clock.delaySeconds).toBe(86_400)
    const send = vi.spyOn(env.RETRIES, 'send').mockResolvedValue(undefined as never)
    skip(86_400_000)
    await ring(clock.body)
    expect(arrivalsAt(endpoint)).toHaveLength(1)
    const [[, options]] = send.mock.calls as [[unknown, QueueSendOptions]]
    expect(options.delaySeconds).toBe(Math.ceil(msUntil(delivery.next_attempt_at) / 1000))
  })

  it('that rings twice, or once more when all is over, makes one attempt', async () => {
    const { endpoint, tenant, message_id, clock, delivery } = await waitingDelivery([600])
    const release = receivers.current.hold(endpoint.url)
    skip(msUntil(delivery.next_attempt_at))
    await Promise.all([ring(clock.body), ring(clock.body)])
    await ring(clock.body)
    release()
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    await ring(clock.body)
    expect(arrivalsAt(endpoint)).toHaveLength(2)
    expect(await tenant.delivery(message_id, endpoint.id)).toMatchObject({ state: 'succeeded', attempt_count: 2 })
  })

  it.each(['a delivery', 'an endpoint'])('for %s that nobody knows does nothing', async (what) => {
    const { endpoint, tenant, message_id, delivery, clock } = await waitingDelivery([600])
    const unknown = what === 'a delivery' ? { position: 1 } : { object_name: 'ep_01JD9Z5M2R7W3H6F4A8G9D1QTS' }
    const send = vi.spyOn(env.RETRIES, 'send')
    await ring({ ...clock.body, ...unknown })
    expect(send).not.toHaveBeenCalled()
    expect(await tenant.delivery(message_id, endpoint.id)).toEqual(delivery)
  })

  it('that is lost is noticed by the alarm, a minute late at most', async () => {
    const { endpoint, tenant, message_id, delivery } = await waitingDelivery([3600])
    // The read model's own alarm comes first; the next is for the retry.
    skip(BACKUP_MS)
    await eventually('an alarm for the retry alone', async () => {
      await ringAlarm(endpoint.id)
      return (await alarmOf(endpoint.id)) === Date.parse(delivery.next_attempt_at) + BACKUP_MS
    })
    receivers.current.become(endpoint.url, 200)
    skip(msUntil(delivery.next_attempt_at) + BACKUP_MS)
    await ringAlarm(endpoint.id)
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
  })

  it('that the queue refuses is replaced by the alarm, in time', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [2] })
    receivers.current.become(endpoint.url, 500)
    vi.spyOn(env.RETRIES, 'sendBatch').mockRejectedValue(new Error('the queue is down'))
    const message_id = await tenant.published()
    const { next_attempt_at } = await tenant.deliveryIn('waiting', message_id, endpoint.id)
    await eventually('the alarm', async () => (await alarmOf(endpoint.id)) === Date.parse(next_attempt_at))
    receivers.current.become(endpoint.url, 200)
    // Nothing here rings it: the runtime does.
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
  })
})

describe('a person', () => {
  it('may have a waiting delivery attempted at once, which uses up the retry that it waited for', async () => {
    const { endpoint, tenant, message_id } = await waitingDelivery([3600])
    await tenant.call('POST', `/deliveries/${message_id}.${endpoint.id}/retry`)
    expect(await failedAgain(tenant, message_id, endpoint, 2)).toMatchObject({ state: 'dead' })
  })

  it('may start a dead delivery again, with all its retries and its attempts kept', async () => {
    const { endpoint, tenant, message_id } = await waitingDelivery([3600])
    await tenant.call('POST', `/deliveries/${message_id}.${endpoint.id}/retry`)
    await tenant.deliveryIn('dead', message_id, endpoint.id)
    await tenant.call('POST', `/deliveries/${message_id}.${endpoint.id}/retry`)
    const again = await failedAgain(tenant, message_id, endpoint, 3)
    expect(again).toMatchObject({ state: 'waiting', finished_at: null })
    expect(again.attempt_log.map(({ number }: Json) => number)).toEqual([1, 2, 3])
  })

  it('may cancel a waiting delivery, which is then never attempted', async () => {
    const { endpoint, tenant, message_id, clock } = await waitingDelivery([600])
    await tenant.call('POST', `/deliveries/${message_id}.${endpoint.id}/cancel`)
    skip(3_600_000)
    await ring(clock.body)
    await ringAlarm(endpoint.id)
    expect(await tenant.delivery(message_id, endpoint.id)).toMatchObject({ state: 'cancelled', attempt_count: 1 })
    expect((await stubOf(endpoint.id).breaker()).unfinished).toBe(0)
  })
})
