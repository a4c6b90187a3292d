/** Retention of an event type: payload and attempts go before their delivery, which goes on knowing the id. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import {
  alarmOf,
  crash,
  createTenant,
  eventually,
  type Json,
  ringAlarm,
  skip,
  stubOf,
  type TenantHandle,
  useReceivers,
} from './harness.ts'
import { expectProblem } from './problem.ts'

const HOUR_MS = 60 * 60 * 1000
const DAY_MS = 24 * HOUR_MS
const TYPE_DAYS = 2
const receivers = useReceivers()

/** Keeps everything for 30 days, and the content of `user.created` for two. */
async function tenantThatForgets(retention_days: number | null = TYPE_DAYS) {
  const tenant = await createTenant({ disable_after_days: 30 })
  const { status } = await tenant.call('POST', '/event-types', { body: { name: 'user.created', retention_days } })
  expect(status).toBe(201)
  const endpoint = await tenant.endpoint({ retry_delays_s: [86_400, 86_400] })
  return { tenant, endpoint }
}

async function delivered(tenant: TenantHandle, endpoint: Json, message = {}, headers = {}): Promise<string> {
  const { id } = (await tenant.publish({ type: 'user.created', ...message }, headers)).body
  await tenant.deliveryIn('succeeded', id, endpoint.id)
  return id
}

/** Whether the payload is there, and how many attempts. */
async function contentOf(tenant: TenantHandle, message_id: string, endpoint: Json) {
  const [message, delivery] = await Promise.all([
    tenant.call('GET', `/messages/${message_id}`),
    tenant.delivery(message_id, endpoint.id),
  ])
  return { payload_omitted: message.body.payload_omitted, attempts: delivery.attempt_log?.length }
}

const KEPT = { payload_omitted: null, attempts: 1 }
const GONE = { payload_omitted: 'expired', attempts: 0 }

async function passDays(endpoint: Json, days: number, ms = 0): Promise<void> {
  skip(days * DAY_MS + ms)
  await ringAlarm(endpoint.id)
}

describe('the content of a delivery', () => {
  it('is kept until the time of its type is over, and not longer', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    const id = await delivered(tenant, endpoint)
    await passDays(endpoint, TYPE_DAYS, -60_000)
    expect(await contentOf(tenant, id, endpoint)).toEqual(KEPT)
    skip(120_000)
    await ringAlarm(endpoint.id)
    expect(await contentOf(tenant, id, endpoint)).toEqual(GONE)
  })

  it('goes without its delivery, which says when', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    const id = await delivered(tenant, endpoint)
    await passDays(endpoint, TYPE_DAYS, HOUR_MS)
    const delivery = await tenant.delivery(id, endpoint.id)
    expect(delivery).toMatchObject({ state: 'succeeded', attempt_count: 1, last_status: 200, attempt_log: [] })
    expect(Math.abs(Date.parse(delivery.content_expired_at) - Date.now())).toBeLessThan(60_000)
    expect((await tenant.call('GET', `/messages/${id}`)).body).toMatchObject({ id, payload: null, size_bytes: 83 })
  })

  it('leaves no trace in the storage of the Endpoint', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    receivers.current.become(endpoint.url, () => new Response('thank you, quartz'))
    await tenant.call('PATCH', `/endpoints/${endpoint.id}`, { body: { filter: '$number(data.secret) > 0' } })
    const id = await delivered(tenant, endpoint, { data: { secret: 'quartz' } })
    const holds = async () =>
      JSON.stringify([await stubOf(endpoint.id).get(id), await storedText(endpoint)]).includes('quartz')
    expect(await holds()).toBe(true)
    await passDays(endpoint, TYPE_DAYS, HOUR_MS)
    expect(await holds()).toBe(false)
  })

  it('of other types stays, and all goes when the time of the tenant is over', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    const [short, long] = [
      await delivered(tenant, endpoint),
      await delivered(tenant, endpoint, { type: 'user.deleted' }),
    ]
    await passDays(endpoint, TYPE_DAYS, HOUR_MS)
    expect(await contentOf(tenant, short, endpoint)).toEqual(GONE)
    expect(await contentOf(tenant, long, endpoint)).toEqual(KEPT)
    await passDays(endpoint, 29)
    expect((await stubOf(endpoint.id).list({ limit: 250 })).deliveries).toEqual([])
  })

  it('never outlives its delivery, however long its type would keep it', async () => {
    const { tenant, endpoint } = await tenantThatForgets(300)
    await delivered(tenant, endpoint)
    await passDays(endpoint, 30, HOUR_MS)
    expect((await stubOf(endpoint.id).list({ limit: 250 })).deliveries).toEqual([])
  })

  it('counts from the end: what has not ended keeps all of it', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    const id = await tenant.published({ type: 'user.created' })
    await passDays(endpoint, 10)
    await tenant.call('POST', `/endpoints/${endpoint.id}/enable`)
    await tenant.deliveryIn('succeeded', id, endpoint.id)
    expect(receivers.current.arrivals(endpoint.url)[0]?.body).toContain('"amount":42')
    await passDays(endpoint, 1)
    expect(await contentOf(tenant, id, endpoint)).toEqual(KEPT)
    await passDays(endpoint, 1, HOUR_MS)
    expect(await contentOf(tenant, id, endpoint)).toEqual(GONE)
  })

  it('goes page by page when there is much of it, past what is kept', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    const messages = Array.from({ length: 100 }, (_, i) => ({ type: i % 3 ? 'user.created' : 'user.deleted', data: i }))
    for (let batch = 0; batch < 6; batch++) await tenant.call('POST', '/messages/batch', { body: { messages } })
    await eventually('all to be delivered', () => receivers.current.arrivals(endpoint.url).length === 600)
    await eventually('the Endpoint to be quiet', async () => (await stubOf(endpoint.id).breaker()).unfinished === 0)
    await passDays(endpoint, TYPE_DAYS, HOUR_MS)
    const { deliveries } = await stubOf(endpoint.id).list({ limit: 1000 })
    const held = await stubOf(endpoint.id).held(deliveries.map(({ message_id }) => message_id))
    const kept = deliveries
      .filter(({ event_type }) => event_type === 'user.deleted')
      .map(({ message_id }) => message_id)
    expect(deliveries).toHaveLength(600)
    expect(held.toSorted()).toEqual(kept.toSorted())
  })
})

/** Everything that the rows of an Endpoint say, payloads as text. */
function storedText(endpoint: Json): Promise<unknown> {
  return runInDurableObject(stubOf(endpoint.id), (_endpoint, { storage }) =>
    storage.sql
      .exec('SELECT *, CAST(payload AS TEXT) AS payload FROM deliveries')
      .toArray()
      .map((row) => ({ ...row })),
  )
}

describe('a message whose content is gone', () => {
  it('is known by its key all the same', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    const key = { 'idempotency-key': 'user-1' }
    const id = await delivered(tenant, endpoint, {}, key)
    await passDays(endpoint, TYPE_DAYS, HOUR_MS)
    expect(await contentOf(tenant, id, endpoint)).toEqual(GONE)
    const again = await tenant.publish({ type: 'user.created' }, key)
    expect(again).toMatchObject({ status: 202, body: { id, duplicate: true } })
    const other = await tenant.publish({ type: 'user.created', data: 'other' }, key)
    expectProblem(other, 409, 'idempotency_conflict')
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(1)
  })

  it.each([
    ['retried', (id: string, endpoint: Json) => `/deliveries/${id}.${endpoint.id}/retry`],
    ['replayed', (id: string) => `/messages/${id}/replay`],
  ])('cannot be %s', async (_, pathOf) => {
    const { tenant, endpoint } = await tenantThatForgets()
    const id = await delivered(tenant, endpoint)
    await passDays(endpoint, TYPE_DAYS, HOUR_MS)
    expectProblem(await tenant.call('POST', pathOf(id, endpoint)), 410, 'content_expired')
  })

  it('is left out when its endpoint is replayed, or its dead letters are redriven', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    await tenant.call('PATCH', `/endpoints/${endpoint.id}`, { body: { retry_delays_s: [] } })
    receivers.current.become(endpoint.url, 500)
    const gone = await tenant.published({ type: 'user.created' })
    const kept = await tenant.published({ type: 'user.deleted' })
    for (const id of [gone, kept]) await tenant.deliveryIn('dead', id, endpoint.id)
    await eventually(
      'both dead letters',
      async () => (await tenant.call('GET', '/dead-letters')).body.data.length === 2,
    )
    await passDays(endpoint, TYPE_DAYS, HOUR_MS)
    const redriven = await tenant.call('POST', '/dead-letters/redrive', { body: {} })
    expect(redriven.body).toEqual({ count: 1, missing: 1, erased: 0, has_more: false })
    await tenant.deliveryIn('dead', kept, endpoint.id)
    const body = {
      states: ['dead'],
      since: new Date(0).toISOString(),
      until: new Date(Date.now() + DAY_MS).toISOString(),
    }
    const replayed = await tenant.call('POST', `/endpoints/${endpoint.id}/replay`, { body })
    expect(replayed.body).toMatchObject({ count: 1 })
  })

  it('is kept where another endpoint ended with it later, and replayed from there', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    const late = await tenant.endpoint()
    await tenant.call('POST', `/endpoints/${late.id}/disable`)
    const id = await delivered(tenant, endpoint)
    await eventually('both to be known', async () => (await tenant.call('GET', '/deliveries')).body.data.length === 2)
    await passDays(endpoint, TYPE_DAYS, HOUR_MS)
    const third = await tenant.endpoint()
    expect((await tenant.call('GET', `/messages/${id}`)).body.payload_omitted).toBeNull()
    const replayed = await tenant.call('POST', `/messages/${id}/replay`, { body: { endpoint_ids: [third.id] } })
    expect(replayed.body.deliveries).toMatchObject([{ endpoint_id: third.id }])
    await tenant.deliveryIn('succeeded', id, third.id)
    // It is as old as it was there, and its content goes all the same.
    await passDays(third, TYPE_DAYS, HOUR_MS)
    expect(await stubOf(third.id).held([id])).toEqual([])
  })
})

describe('a change of the retention', () => {
  it('holds for what is stored already, and the Endpoint is told at once', async () => {
    const { tenant, endpoint } = await tenantThatForgets(null)
    const id = await delivered(tenant, endpoint)
    skip(3 * DAY_MS)
    const { status } = await tenant.call('PATCH', '/event-types/user.created', { body: { retention_days: 1 } })
    expect(status).toBe(200)
    // Set for weeks later before.
    expect((await alarmOf(endpoint.id)) ?? 0).toBeLessThan(Date.now() + HOUR_MS)
    await ringAlarm(endpoint.id)
    expect(await contentOf(tenant, id, endpoint)).toEqual(GONE)
  })

  it('that makes it longer, or takes it away, brings nothing back and keeps what there is', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    const gone = await delivered(tenant, endpoint)
    await passDays(endpoint, TYPE_DAYS, HOUR_MS)
    const kept = await delivered(tenant, endpoint)
    await tenant.call('PATCH', '/event-types/user.created', { body: { retention_days: null } })
    await passDays(endpoint, 10)
    expect(await contentOf(tenant, gone, endpoint)).toEqual(GONE)
    expect(await contentOf(tenant, kept, endpoint)).toEqual(KEPT)
    await tenant.call('PATCH', '/event-types/user.created', { body: { retention_days: 5 } })
    await ringAlarm(endpoint.id)
    expect(await contentOf(tenant, kept, endpoint)).toEqual(GONE)
  })

  it('reaches every lane', async () => {
    const { tenant } = await tenantThatForgets(null)
    const endpoint = await tenant.endpoint({ lanes: 3 })
    const ids = await Promise.all(Array.from({ length: 12 }, () => delivered(tenant, endpoint)))
    skip(3 * DAY_MS)
    await tenant.call('PATCH', '/event-types/user.created', { body: { retention_days: 1 } })
    const lanes = [endpoint.id, `${endpoint.id}/1`, `${endpoint.id}/2`]
    for (const lane of lanes) await ringAlarm(lane)
    const held = await Promise.all(lanes.map((lane) => stubOf(lane).held(ids)))
    expect(held.flat()).toEqual([])
  })

  it('goes with its type when that is deleted', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    const id = await delivered(tenant, endpoint)
    expect((await tenant.call('DELETE', '/event-types/user.created')).status).toBe(204)
    await passDays(endpoint, 10)
    expect(await contentOf(tenant, id, endpoint)).toEqual(KEPT)
  })

  it.each([0, 366, 1.5, '7'])('to %s days is refused', async (retention_days) => {
    const { tenant } = await tenantThatForgets()
    const refused = await tenant.call('PATCH', '/event-types/user.created', { body: { retention_days } })
    expectProblem(refused, 422, 'invalid_request')
  })

  it('for more than 200 types is refused', async () => {
    const { tenant } = await tenantThatForgets()
    await env.DB.prepare(
      `INSERT INTO event_types (tenant_id, name, description, schema_version, created_at, updated_at, retention_days)
        SELECT ?1, 'many.' || value, '', 0, 0, 0, 3 FROM json_each(?2)`,
    )
      .bind(tenant.id, JSON.stringify(Array.from({ length: 199 }, (_, i) => i)))
      .run()
    const refused = await tenant.call('POST', '/event-types', { body: { name: 'one.more', retention_days: 3 } })
    expectProblem(refused, 422, 'limit_reached')
    expect((await tenant.call('PATCH', '/event-types/many.1', { body: { retention_days: 4 } })).status).toBe(200)
  })
})

describe('the alarm', () => {
  it('is set for the next content to go, and remembers after a crash how far it has come', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    await delivered(tenant, endpoint)
    skip(DAY_MS)
    const younger = await delivered(tenant, endpoint)
    const { finished_at } = await tenant.delivery(younger, endpoint.id)
    await passDays(endpoint, 1, HOUR_MS)
    await crash(endpoint.id)
    const due_at = Date.parse(finished_at) + 1 + TYPE_DAYS * DAY_MS
    await eventually('the alarm for the younger one', async () => {
      await ringAlarm(endpoint.id)
      return (await alarmOf(endpoint.id)) === due_at
    })
  })

  it('is for the deliveries themselves when there is no content left', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    const id = await delivered(tenant, endpoint)
    const { finished_at } = await tenant.delivery(id, endpoint.id)
    await passDays(endpoint, TYPE_DAYS, HOUR_MS)
    await eventually('the alarm for the delivery', async () => {
      await ringAlarm(endpoint.id)
      return (await alarmOf(endpoint.id)) === Date.parse(finished_at) + 1 + 30 * DAY_MS
    })
  })
})
