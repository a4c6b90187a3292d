/** The circuit breaker of an endpoint: while it is open nothing is attempted, and no retry is used up. */
import { describe, expect, it } from 'vitest'
import {
  type Arrival,
  alarmOf,
  createTenant,
  eventually,
  type Json,
  ringAlarm,
  skip,
  type TenantHandle,
  useReceivers,
} from './harness.ts'

const HOUR_MS = 60 * 60 * 1000
const receivers = useReceivers()

const arrivalsAt = (endpoint: Json) => receivers.current.arrivals(endpoint.url)
const idOf = ({ headers }: Arrival) => headers.get('webhook-id') ?? ''

const publishMany = (tenant: TenantHandle, count: number) =>
  Promise.all(Array.from({ length: count }, () => tenant.published()))

const breakerOf = async (tenant: TenantHandle, { id }: Json) =>
  (await tenant.call('GET', `/endpoints/${id}/breaker`)).body

const breakerIn = (state: string, tenant: TenantHandle, endpoint: Json) =>
  eventually(`the breaker to be ${state}`, async () => {
    const breaker = await breakerOf(tenant, endpoint)
    return breaker.state === state && breaker.in_flight === 0 && breaker
  })

/** An endpoint whose breaker five failures have opened; their one retry is an hour away. */
async function openBreaker(settings: Record<string, unknown> = {}) {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint({ retry_delays_s: [3600], ...settings })
  receivers.current.become(endpoint.url, 500)
  const failed = await publishMany(tenant, 5)
  const breaker = await breakerIn('open', tenant, endpoint)
  return { tenant, endpoint, failed, breaker }
}

/** Lets the time of the probe come. */
async function probe(tenant: TenantHandle, endpoint: Json): Promise<void> {
  const { open_until } = await breakerOf(tenant, endpoint)
  skip(Math.max(0, Date.parse(open_until) - Date.now()) + 1)
  await ringAlarm(endpoint.id)
}

describe('opening', () => {
  it('takes five failures in a row', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [3600] })
    receivers.current.become(endpoint.url, 500)
    await publishMany(tenant, 4)
    await eventually('four failures', async () => (await breakerOf(tenant, endpoint)).consecutive_failures === 4)
    receivers.current.become(endpoint.url, 200)
    await tenant.deliveryIn('succeeded', await tenant.published(), endpoint.id)
    expect(await breakerOf(tenant, endpoint)).toMatchObject({ state: 'closed', consecutive_failures: 0 })
    receivers.current.become(endpoint.url, 500)
    await publishMany(tenant, 5)
    expect(await breakerIn('open', tenant, endpoint)).toMatchObject({ openings: 1, in_flight: 0 })
  })

  it('or half of the last twenty', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [3600] })
    for (let i = 1; i <= 20; i++) {
      expect((await breakerOf(tenant, endpoint)).state, `before message ${i}`).toBe('closed')
      receivers.current.become(endpoint.url, i % 2 === 0 ? 500 : 200)
      const message_id = await tenant.published()
      await eventually('its attempt', async () => (await tenant.delivery(message_id, endpoint.id)).attempt_count === 1)
    }
    await breakerIn('open', tenant, endpoint)
  })

  it.each(['transform', 'receiver'])(
    'does not follow from failures of another part than the receiver (%s)',
    async (part) => {
      const tenant = await createTenant()
      const transform = part === 'transform' ? '$error("broken")' : null
      const endpoint = await tenant.endpoint({ retry_delays_s: [3600], transform })
      receivers.current.become(endpoint.url, 500)
      const message_ids = await publishMany(tenant, 6)
      await eventually('five attempts', async () => {
        const deliveries = await Promise.all(message_ids.map((id) => tenant.delivery(id, endpoint.id)))
        return deliveries.filter(({ attempt_count }) => attempt_count === 1).length >= 5
      })
      expect((await breakerOf(tenant, endpoint)).state).toBe(part === 'transform' ? 'closed' : 'open')
    },
  )
})

describe('while it is open', () => {
  it('deliveries are parked, attempted by nothing, and keep all their retries', async () => {
    const { tenant, endpoint, failed } = await openBreaker()
    const arrived = arrivalsAt(endpoint).length
    const later = await tenant.published()
    for (const message_id of [...failed, later]) {
      expect(await tenant.delivery(message_id, endpoint.id)).toMatchObject({
        state: 'parked',
        reason: 'breaker_open',
        next_attempt_at: null,
      })
    }
    await ringAlarm(endpoint.id)
    expect(arrivalsAt(endpoint)).toHaveLength(arrived)

    // Long after the retries were due, and after a probe that failed: each still has the retry it had.
    skip(2 * HOUR_MS)
    await ringAlarm(endpoint.id)
    await eventually('the probe', async () => (await breakerOf(tenant, endpoint)).openings === 2)
    expect(arrivalsAt(endpoint)).toHaveLength(arrived + 1)
    receivers.current.become(endpoint.url, 200)
    skip(2 * HOUR_MS)
    await ringAlarm(endpoint.id)
    for (const message_id of [...failed, later]) {
      expect(await tenant.deliveryIn('succeeded', message_id, endpoint.id)).toMatchObject({ attempt_count: 2 })
    }
  })

  it('its alarm is set to the probe', async () => {
    const { endpoint, breaker, tenant } = await openBreaker()
    await tenant.published()
    expect(await alarmOf(endpoint.id)).toBeLessThanOrEqual(Date.parse(breaker.open_until))
  })

  it('stays so for 30 s, doubling up to an hour, each spread by 20 %', async () => {
    const { tenant, endpoint } = await openBreaker({ retry_delays_s: Array(20).fill(1) })
    const probes = arrivalsAt(endpoint).length
    for (const [i, open_s] of [30, 60, 120, 240, 480, 960, 1920, 3600, 3600].entries()) {
      const { open_until } = await eventually(`opening ${i + 1}`, async () => {
        const breaker = await breakerOf(tenant, endpoint)
        return breaker.state === 'open' && breaker.openings === i + 1 && breaker
      })
      const left_s = (Date.parse(open_until) - Date.now()) / 1000
      expect(left_s).toBeGreaterThan(open_s * 0.8 - 2)
      expect(left_s).toBeLessThanOrEqual(open_s * 1.2)
      expect(arrivalsAt(endpoint)).toHaveLength(probes + i)
      await probe(tenant, endpoint)
    }
  })
})

describe('the probe', () => {
  it('is one attempt, of the oldest due delivery, and all else goes on waiting for it', async () => {
    const { tenant, endpoint } = await openBreaker()
    const parked = [await tenant.published(), await tenant.published(), await tenant.published()]
    const arrived = arrivalsAt(endpoint).length
    const release = receivers.current.hold(endpoint.url)
    await probe(tenant, endpoint)
    await eventually('the probe', () => arrivalsAt(endpoint).length > arrived)
    const during = await tenant.published()
    await ringAlarm(endpoint.id)
    expect(await breakerOf(tenant, endpoint)).toMatchObject({ state: 'half_open', in_flight: 1 })
    expect(arrivalsAt(endpoint).slice(arrived).map(idOf)).toEqual([parked[0]])
    expect(await tenant.delivery(during, endpoint.id)).toMatchObject({ state: 'parked', reason: 'breaker_half_open' })
    release()
    for (const message_id of [...parked, during]) await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    expect(await breakerOf(tenant, endpoint)).toMatchObject({ state: 'closed', failing_since: null })
  })

  it('closes the breaker when it succeeds, and attempts at once climb 1, 2, 4 back to the limit', async () => {
    const { tenant, endpoint } = await openBreaker({ max_in_flight: 6 })
    await publishMany(tenant, 15)
    const waiting = new Set<string>()
    const answered = new Set<string>()
    receivers.current.become(endpoint.url, async (arrival) => {
      waiting.add(idOf(arrival))
      while (!answered.has(idOf(arrival))) await scheduler.wait(5)
      waiting.delete(idOf(arrival))
      return new Response('ok')
    })
    const answerOne = async () => {
      const [message_id = ''] = waiting
      answered.add(message_id)
      await eventually('the answer', () => !waiting.has(message_id))
    }
    await probe(tenant, endpoint)
    // The probe, and then one more for each success until the limit is reached.
    for (const at_once of [1, 1, 2, 4, 6, 6]) {
      await eventually(`${at_once} at once`, () => waiting.size === at_once)
      expect((await breakerOf(tenant, endpoint)).in_flight).toBe(at_once)
      await answerOne()
    }
    await eventually('all to succeed', async () => {
      if (waiting.size > 0) await answerOne()
      return (await breakerOf(tenant, endpoint)).unfinished === 5
    })
  })
})

describe('a reset', () => {
  it('closes it at once and starts slowly', async () => {
    const { tenant, endpoint } = await openBreaker({ max_in_flight: 4 })
    const parked = await publishMany(tenant, 3)
    const release = receivers.current.hold(endpoint.url)
    const { status, body } = await tenant.call('POST', `/endpoints/${endpoint.id}/breaker/reset`)
    expect(status).toBe(200)
    expect(body).toMatchObject({ state: 'closed', openings: 0, opened_at: null, max_in_flight: 1, in_flight: 1 })
    release()
    for (const message_id of parked) await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    expect(await breakerOf(tenant, endpoint)).toMatchObject({ state: 'closed', max_in_flight: 4 })
  })
})
