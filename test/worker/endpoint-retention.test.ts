/** Retention: finished deliveries, and with them the ids seen, go when their time is over; unfinished ones never. */
import { describe, expect, it } from 'vitest'
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

const DAY_MS = 24 * 60 * 60 * 1000
const RETENTION_DAYS = 7
const receivers = useReceivers()

async function tenantThatForgets() {
  const tenant = await createTenant()
  await tenant.call('PATCH', '', { body: { retention_days: RETENTION_DAYS, disable_after_days: 30 } })
  const endpoint = await tenant.endpoint({ retry_delays_s: [86_400, 86_400] })
  return { tenant, endpoint }
}

/** What the Endpoint itself holds, newest first. */
const heldBy = async ({ id }: Json) =>
  (await stubOf(id).list({ limit: 250 })).deliveries.map(({ message_id }) => message_id)

async function delivered(tenant: TenantHandle, endpoint: Json, headers: Record<string, string> = {}): Promise<string> {
  const { id } = (await tenant.publish({}, headers)).body
  await tenant.deliveryIn('succeeded', id, endpoint.id)
  return id
}

describe('a finished delivery', () => {
  it.each(['succeeded', 'dead', 'cancelled'])(
    'that is %s is kept until its time is over, and not longer',
    async (state) => {
      const { tenant, endpoint } = await tenantThatForgets()
      receivers.current.become(endpoint.url, state === 'succeeded' ? 200 : 500)
      if (state === 'dead') await tenant.call('PATCH', `/endpoints/${endpoint.id}`, { body: { retry_delays_s: [] } })
      const message_id = await tenant.published()
      if (state === 'cancelled') {
        await tenant.deliveryIn('waiting', message_id, endpoint.id)
        await tenant.call('POST', `/deliveries/${message_id}.${endpoint.id}/cancel`)
      }
      await tenant.deliveryIn(state, message_id, endpoint.id)

      skip(RETENTION_DAYS * DAY_MS - 60_000)
      await ringAlarm(endpoint.id)
      expect(await heldBy(endpoint)).toEqual([message_id])
      skip(120_000)
      await ringAlarm(endpoint.id)
      expect(await heldBy(endpoint)).toEqual([])
      expect((await tenant.call('GET', `/deliveries/${message_id}.${endpoint.id}`)).status).toBe(404)
    },
  )

  it('goes alone: what is younger stays, and the alarm is set for it', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    await delivered(tenant, endpoint)
    skip(3 * DAY_MS)
    const younger = await delivered(tenant, endpoint)
    const { finished_at } = await tenant.delivery(younger, endpoint.id)
    skip(5 * DAY_MS)
    await ringAlarm(endpoint.id)
    expect(await heldBy(endpoint)).toEqual([younger])
    await eventually('the alarm for the younger one', async () => {
      await ringAlarm(endpoint.id)
      return (await alarmOf(endpoint.id)) === Date.parse(finished_at) + 1 + RETENTION_DAYS * DAY_MS
    })
  })

  it('takes with it that its id was seen', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    const key = { 'idempotency-key': 'order-1842-paid' }
    const message_id = await delivered(tenant, endpoint, key)
    skip(RETENTION_DAYS * DAY_MS - 60_000)
    await ringAlarm(endpoint.id)
    expect((await tenant.publish({}, key)).body).toMatchObject({ id: message_id, duplicate: true })
    skip(120_000)
    await ringAlarm(endpoint.id)
    expect((await tenant.publish({}, key)).body).toMatchObject({ id: message_id, duplicate: false })
    await eventually('a second arrival', () => receivers.current.arrivals(endpoint.url).length === 2)
  })

  it('goes by a change of the retention too', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    await delivered(tenant, endpoint)
    skip(2 * DAY_MS)
    await tenant.call('PATCH', '', { body: { retention_days: 1 } })
    // Set for days later before.
    expect((await alarmOf(endpoint.id)) ?? 0).toBeLessThan(Date.now() + 60 * 60 * 1000)
    await ringAlarm(endpoint.id)
    expect(await heldBy(endpoint)).toEqual([])
  })
})

it('leaves an Endpoint that holds nothing any more without an alarm', async () => {
  const { tenant, endpoint } = await tenantThatForgets()
  await delivered(tenant, endpoint)
  skip((RETENTION_DAYS + 1) * DAY_MS)
  await eventually('no alarm', async () => {
    await ringAlarm(endpoint.id)
    return (await heldBy(endpoint)).length === 0 && (await alarmOf(endpoint.id)) === null
  })
})

it('goes on deleting what the read model knows while D1 does not answer, and keeps what it does not', async () => {
  const { tenant, endpoint } = await tenantThatForgets()
  const known = await delivered(tenant, endpoint)
  await eventually('the read model to know it', async () => {
    const { data } = (await tenant.call('GET', '/deliveries')).body
    return data[0]?.state === 'succeeded'
  })
  const mendDatabase = breakDatabase((sql) => sql.startsWith('INSERT INTO deliveries'))
  const unknown = await delivered(tenant, endpoint)
  await ringAlarm(endpoint.id)
  expect(await heldBy(endpoint)).toEqual([unknown, known])
  skip((RETENTION_DAYS + 1) * DAY_MS)
  await ringAlarm(endpoint.id)
  expect(await heldBy(endpoint)).toEqual([unknown])
  mendDatabase()
  skip(2 * 60 * 60 * 1000)
  await ringAlarm(endpoint.id)
  expect(await heldBy(endpoint)).toEqual([])
})

describe('an unfinished delivery', () => {
  it('that is parked is never deleted, and delivered when its endpoint is enabled', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    const finished = await delivered(tenant, endpoint)
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    const parked = await tenant.published()
    expect(await heldBy(endpoint)).toEqual([parked, finished])
    skip(3 * RETENTION_DAYS * DAY_MS)
    await ringAlarm(endpoint.id)
    expect(await heldBy(endpoint)).toEqual([parked])
    await tenant.call('POST', `/endpoints/${endpoint.id}/enable`)
    await tenant.deliveryIn('succeeded', parked, endpoint.id)
  })

  it('that waits for a retry is never deleted', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    receivers.current.become(endpoint.url, 500)
    const message_id = await tenant.published()
    await tenant.deliveryIn('waiting', message_id, endpoint.id)
    skip(2 * RETENTION_DAYS * DAY_MS)
    const release = receivers.current.hold(endpoint.url)
    await ringAlarm(endpoint.id)
    expect(await heldBy(endpoint)).toEqual([message_id])
    expect((await tenant.delivery(message_id, endpoint.id)).state).toBe('delivering')
    release()
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
  })

  it('that is parked beyond its time costs a look a day, not more', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    await tenant.published()
    skip((RETENTION_DAYS + 1) * DAY_MS)
    await eventually('an alarm in a day', async () => {
      await ringAlarm(endpoint.id)
      return ((await alarmOf(endpoint.id)) ?? 0) > Date.now() + DAY_MS - 60_000
    })
  })
})
