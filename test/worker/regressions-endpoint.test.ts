/** An Endpoint over a longer life: evicted between its messages, old, changed under way, or deleted without hearing of it. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { loadEndpointSettings } from '../../src/endpoints/settings.ts'
import { itemOf } from './enqueued.ts'
import {
  alarmOf,
  breakDatabase,
  createTenant,
  eventually,
  type Json,
  ringAlarm,
  skip,
  stubOf,
  type TenantHandle,
  useReceivers,
} from './harness.ts'

const HOUR_MS = 60 * 60 * 1000
const DAY_MS = 24 * HOUR_MS
const receivers = useReceivers()

const arrivalsAt = (endpoint: Json) => receivers.current.arrivals(endpoint.url)
const heldBy = async ({ id }: Json) => (await stubOf(id).list({ limit: 250 })).deliveries

const attempted = (times: number, tenant: TenantHandle, message_id: string, endpoint: Json) =>
  eventually(`attempt ${times}`, async () => {
    const delivery = await tenant.delivery(message_id, endpoint.id)
    return delivery.attempt_count === times && delivery
  })

describe('evicted before each alarm', () => {
  it('an idle Endpoint sleeps until retention all the same', async () => {
    const tenant = await createTenant()
    const { retention_days } = (await tenant.call('GET', '')).body
    const endpoint = await tenant.endpoint()
    const { id, accepted_at } = (await tenant.publish()).body
    await tenant.deliveryIn('succeeded', id, endpoint.id)
    for (let i = 0; i < 3; i++) {
      await evictDurableObject(stubOf(endpoint.id))
      await ringAlarm(endpoint.id)
      expect(await alarmOf(endpoint.id)).toBeGreaterThanOrEqual(Date.parse(accepted_at) + retention_days * DAY_MS)
    }
  })

  it('one that waits for a retry sleeps until then', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [86_400] })
    receivers.current.become(endpoint.url, 500)
    await tenant.deliveryIn('waiting', await tenant.published(), endpoint.id)
    await evictDurableObject(stubOf(endpoint.id))
    await ringAlarm(endpoint.id)
    expect(await alarmOf(endpoint.id)).toBeGreaterThan(Date.now() + DAY_MS / 2)
  })
})

describe('evicted after each message', () => {
  async function fail(times: number) {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [] })
    const answer = async (status: number) => {
      receivers.current.become(endpoint.url, status)
      const message_id = await tenant.published()
      await tenant.deliveryIn(status === 200 ? 'succeeded' : 'dead', message_id, endpoint.id)
      await evictDurableObject(stubOf(endpoint.id))
    }
    for (let i = 0; i < times; i++) await answer(500)
    const breaker = async () => (await tenant.call('GET', `/endpoints/${endpoint.id}/breaker`)).body
    return { tenant, endpoint, answer, breaker }
  }

  it('it opens its breaker after five failures in a row', async () => {
    const { tenant, endpoint, answer, breaker } = await fail(4)
    expect(await breaker()).toMatchObject({ state: 'closed', consecutive_failures: 4 })
    await answer(500)
    expect(await breaker()).toMatchObject({ state: 'open', openings: 1 })
    await tenant.deliveryIn('parked', await tenant.published(), endpoint.id)
    expect(arrivalsAt(endpoint)).toHaveLength(5)
  })

  it('it counts them from the last success', async () => {
    const { answer, breaker } = await fail(4)
    await answer(200)
    await answer(500)
    expect(await breaker()).toMatchObject({ state: 'closed', consecutive_failures: 1 })
  })
})

describe('a delivery that dies after its retention since acceptance', () => {
  async function deadLate() {
    const tenant = await createTenant({ retention_days: 1 })
    const endpoint = await tenant.endpoint({ retry_delays_s: [86_400] })
    receivers.current.become(endpoint.url, 500)
    const message_id = await tenant.published()
    await tenant.deliveryIn('waiting', message_id, endpoint.id)
    skip(30 * HOUR_MS)
    await ringAlarm(endpoint.id)
    await tenant.deliveryIn('dead', message_id, endpoint.id)
    await eventually('the dead letter', async () => (await tenant.call('GET', '/dead-letters')).body.data.length === 1)
    const redrive = () => tenant.call('POST', '/dead-letters/redrive', { body: {} })
    return { tenant, endpoint, message_id, redrive }
  }

  it('can be redriven until retention since its end', async () => {
    const { tenant, endpoint, message_id, redrive } = await deadLate()
    skip(23 * HOUR_MS)
    await ringAlarm(endpoint.id)
    receivers.current.become(endpoint.url, 200)
    expect((await redrive()).body).toMatchObject({ count: 1, missing: 0 })
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
  })

  it('is gone after that', async () => {
    const { endpoint, redrive } = await deadLate()
    skip(25 * HOUR_MS)
    await ringAlarm(endpoint.id)
    expect(await heldBy(endpoint)).toEqual([])
    expect((await redrive()).body).toMatchObject({ count: 0, missing: 1 })
  })
})

it('a delivery whose receiver took its time goes with the alarm that is set for it, not a day later', async () => {
  const tenant = await createTenant({ retention_days: 1 })
  const endpoint = await tenant.endpoint()
  const release = receivers.current.hold(endpoint.url)
  const message_id = await tenant.published()
  await eventually('the attempt', () => arrivalsAt(endpoint).length === 1)
  skip(10_000)
  release()
  const { finished_at } = await tenant.deliveryIn('succeeded', message_id, endpoint.id)
  await eventually('the alarm of retention', async () => {
    await ringAlarm(endpoint.id)
    return ((await alarmOf(endpoint.id)) ?? 0) > Date.now() + HOUR_MS
  })
  while (((await alarmOf(endpoint.id)) ?? Number.POSITIVE_INFINITY) <= Date.parse(finished_at) + DAY_MS + HOUR_MS) {
    skip(((await alarmOf(endpoint.id)) ?? 0) - Date.now())
    await ringAlarm(endpoint.id)
  }
  expect(await heldBy(endpoint)).toEqual([])
})

describe('a deleted endpoint', () => {
  /** One whose object holds a delivery and has just asked D1 about itself; its removal will never arrive. */
  async function withWaiting() {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [86_400] })
    receivers.current.become(endpoint.url, 500)
    await tenant.deliveryIn('waiting', await tenant.published(), endpoint.id)
    await ringAlarm(endpoint.id)
    const deleteUnheard = () => env.DB.prepare('DELETE FROM endpoints WHERE id = ?').bind(endpoint.id).run()
    return { tenant, endpoint, deleteUnheard }
  }

  /** The object that forgets everything ends by aborting itself: until then it has no tables, afterwards empty ones. */
  const emptied = ({ id }: Json) =>
    eventually('an empty object', () =>
      runInDurableObject(stubOf(id), (_endpoint, { storage: { sql } }) => {
        const tables = sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'deliveries'").toArray()
        return tables.length === 1 && sql.exec('SELECT 1 FROM deliveries').toArray().length === 0
      }).catch(() => false),
    )

  it('that its object did not hear of is noticed at an alarm: it stops and empties itself', async () => {
    const { endpoint, deleteUnheard } = await withWaiting()
    await deleteUnheard()
    skip(HOUR_MS)
    await ringAlarm(endpoint.id).catch(() => {})
    await emptied(endpoint)
    expect(await alarmOf(endpoint.id)).toBeNull()
    skip(2 * DAY_MS)
    await stubOf(endpoint.id).wake(0)
    expect(await ringAlarm(endpoint.id)).toBe(false)
    expect(arrivalsAt(endpoint)).toHaveLength(1)
  })

  it('is asked about at most once an hour, however often the alarm rings', async () => {
    const { endpoint } = await withWaiting()
    const prepared = vi.spyOn(env.DB, 'prepare')
    const questions = () => prepared.mock.calls.filter(([sql]) => sql.includes('from "endpoints"')).length
    const ringOften = async () => {
      for (let i = 0; i < 5; i++) await ringAlarm(endpoint.id)
    }
    await ringOften()
    expect(questions()).toBe(0)
    skip(HOUR_MS)
    await ringOften()
    expect(questions()).toBe(1)
  })

  it('is not thought deleted because D1 does not answer', async () => {
    const { endpoint, deleteUnheard } = await withWaiting()
    await deleteUnheard()
    const mendDatabase = breakDatabase()
    skip(HOUR_MS)
    await ringAlarm(endpoint.id)
    expect(await heldBy(endpoint)).toHaveLength(1)
    mendDatabase()
    await ringAlarm(endpoint.id).catch(() => {})
    await emptied(endpoint)
  })

  it('is not revived by settings that arrive after its removal', async () => {
    const { tenant, endpoint } = await withWaiting()
    const settings = await loadEndpointSettings(env.DB, tenant.id, endpoint.id)
    if (settings === null) throw new Error('the endpoint has no settings')
    expect((await tenant.call('DELETE', `/endpoints/${endpoint.id}`)).status).toBe(204)
    await emptied(endpoint)

    await stubOf(endpoint.id).configure({ ...settings, version: settings.version + 1 })
    const { tenant_id, endpoint_id, version } = settings
    const names = { tenant_id, endpoint_id, settings_version: version, epoch: 0, as: 'home' as const }
    const call = { ...names, items: [itemOf(Date.now())] }
    expect(await stubOf(endpoint.id).enqueue(call)).toEqual({ results: [{ outcome: 'gone' }], moved: null })
    expect(await alarmOf(endpoint.id)).toBeNull()
    expect(arrivalsAt(endpoint)).toHaveLength(1)
  })
})

describe('what an earlier URL answers after a change', () => {
  /** Five attempts at the old URL, answered only after the endpoint has a new one. */
  async function answeredLate(status: number, change: Record<string, unknown>) {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [3600] })
    const release = receivers.current.hold(endpoint.url, status)
    const message_ids = await Promise.all([1, 2, 3, 4, 5].map((data) => tenant.published({ data })))
    await eventually('five attempts', () => arrivalsAt(endpoint).length === 5)
    expect((await tenant.call('PATCH', `/endpoints/${endpoint.id}`, { body: change })).status).toBe(200)
    release()
    for (const message_id of message_ids) await attempted(1, tenant, message_id, endpoint)
    return { tenant, endpoint, message_ids }
  }

  it.each([410, 500])('%i neither disables the endpoint nor opens its breaker', async (status) => {
    const url = `https://receiver.test/${crypto.randomUUID()}`
    const { tenant, endpoint, message_ids } = await answeredLate(status, { url })
    const breaker = (await tenant.call('GET', `/endpoints/${endpoint.id}/breaker`)).body
    expect(breaker).toMatchObject({ state: 'closed', consecutive_failures: 0, failing_since: null })
    expect((await tenant.call('GET', `/endpoints/${endpoint.id}`)).body).toMatchObject({ status: 'enabled', url })
    for (const message_id of message_ids) {
      expect(await tenant.delivery(message_id, endpoint.id)).toMatchObject({ state: 'waiting' })
      await tenant.call('POST', `/deliveries/${message_id}.${endpoint.id}/retry`)
      await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    }
    expect(receivers.current.arrivals(url)).toHaveLength(5)
  })

  it('still counts when the URL is the same: 410 disables it', async () => {
    const { tenant, endpoint, message_ids } = await answeredLate(410, { timeout_ms: 20_000 })
    for (const message_id of message_ids) await tenant.deliveryIn('parked', message_id, endpoint.id)
  })
})

describe('an endpoint that is deleted this moment', () => {
  it('holds nothing for whoever asks it before its object has ended', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const id = await tenant.published()
    await tenant.deliveryIn('succeeded', id, endpoint.id)
    const answers = await runInDurableObject(stubOf(endpoint.id), async (object) => {
      await object.remove()
      return [
        await object.list({ limit: 10 }),
        await object.get(id),
        await object.message(id),
        await object.held([id]),
        await object.retry([id]),
        await object.replay({ states: ['succeeded'], limit: 10 }),
        await object.wake(1),
        (await object.resetBreaker()).state,
      ]
    })
    expect(answers).toEqual([
      { deliveries: [], next: null },
      null,
      null,
      [],
      ['not_found'],
      { count: 0, next: null },
      null,
      'closed',
    ])
  })
})
