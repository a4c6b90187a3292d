/** The read model in D1 follows the Endpoints: later when D1 is slow or down, and in the end always the same. */

import { env } from 'cloudflare:workers'
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import {
  alarmOf,
  breakDatabase,
  crash,
  createTenant,
  eventually,
  type Json,
  ringAlarm,
  skip,
  type TenantHandle,
  useReceivers,
} from './harness.ts'

const receivers = useReceivers()

const isFlush = (sql: string) => sql.startsWith('INSERT INTO deliveries')

/** By id: of what was accepted in one millisecond, neither list promises an order. */
async function listed(tenant: TenantHandle, query = ''): Promise<Json[]> {
  const { data } = (await tenant.call('GET', `/deliveries?limit=250${query}`)).body
  return data.sort((a: Json, b: Json) => (a.id < b.id ? -1 : 1))
}

/** Waits until the tenant's list, which is the read model's, is what its Endpoint says. */
async function caughtUp(tenant: TenantHandle, endpoint: Json): Promise<Json[]> {
  let shown: Json[] = []
  let held: Json[] = []
  const look = async () => {
    shown = await listed(tenant)
    held = await listed(tenant, `&endpoint_id=${endpoint.id}`)
    return isDeepStrictEqual(shown, held)
  }
  await eventually('the read model to catch up', look, 4000).catch(() => expect(shown).toEqual(held))
  return shown
}

const publishMany = (tenant: TenantHandle, count: number) =>
  Promise.all(Array.from({ length: count }, (_, n) => tenant.published({ data: { n } })))

describe('once all is quiet', () => {
  it('says of every delivery what its Endpoint says', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [3600], filter: '$error("broken")' })
    await tenant.published({ ordering_key: 'cus_1' })
    await tenant.publish({}, { 'idempotency-key': 'keyed' })
    receivers.current.become(endpoint.url, 500)
    const [cancelled = '', dead = ''] = await publishMany(tenant, 3)
    await tenant.deliveryIn('waiting', cancelled, endpoint.id)
    await tenant.call('POST', `/deliveries/${cancelled}.${endpoint.id}/cancel`)
    await tenant.deliveryIn('waiting', dead, endpoint.id)
    await tenant.call('POST', `/deliveries/${dead}.${endpoint.id}/retry`)
    await tenant.deliveryIn('dead', dead, endpoint.id)
    const states = (await caughtUp(tenant, endpoint)).map(({ state }) => state)
    expect(states.toSorted()).toEqual(['cancelled', 'dead', 'succeeded', 'succeeded', 'waiting'])
  })

  it('calls parked what a disabled endpoint holds', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    await publishMany(tenant, 2)
    const deliveries = await caughtUp(tenant, endpoint)
    expect(deliveries.map(({ state, reason }) => [state, reason])).toEqual(
      deliveries.map(() => ['parked', 'endpoint_disabled: manual']),
    )
    expect(await listed(tenant, '&state=parked')).toHaveLength(2)
  })

  it('has what was started again', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [] })
    receivers.current.become(endpoint.url, 500)
    const message_id = await tenant.published()
    await tenant.deliveryIn('dead', message_id, endpoint.id)
    await caughtUp(tenant, endpoint)
    receivers.current.become(endpoint.url, 200)
    await tenant.call('POST', `/deliveries/${message_id}.${endpoint.id}/retry`)
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    expect(await caughtUp(tenant, endpoint)).toMatchObject([{ state: 'succeeded', attempt_count: 2 }])
  })

  it('has more deliveries than one statement takes', { timeout: 30_000 }, async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ max_in_flight: 100 })
    const messages = Array.from({ length: 100 }, (_, n) => ({ type: 'invoice.paid', data: { n } }))
    for (let i = 0; i < 6; i++) await tenant.call('POST', '/messages/batch', { body: { messages } })
    await eventually(
      '600 rows',
      async () => {
        const sql = "SELECT COUNT(*) AS rows FROM deliveries WHERE tenant_id = ? AND state = 'succeeded'"
        return (await env.DB.prepare(sql).bind(tenant.id).first<{ rows: number }>())?.rows === 600
      },
      20_000,
    )
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(600)
  })
})

describe('while D1 is down', () => {
  it('deliveries go on, and the read model is later', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const mendDatabase = breakDatabase(isFlush)
    const message_ids = await publishMany(tenant, 3)
    for (const message_id of message_ids) await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    await ringAlarm(endpoint.id)
    expect(await listed(tenant)).toEqual([])
    expect(await alarmOf(endpoint.id)).toBeLessThanOrEqual(Date.now() + 60_000)
    mendDatabase()
    await ringAlarm(endpoint.id)
    expect(await caughtUp(tenant, endpoint)).toHaveLength(3)
  })

  it.each(['flushed', 'never flushed'])('a crash loses nothing of what was %s before', async (before) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [3600] })
    receivers.current.become(endpoint.url, 500)
    const changed = await tenant.published()
    await tenant.deliveryIn('waiting', changed, endpoint.id)
    if (before === 'flushed') {
      await caughtUp(tenant, endpoint)
      await ringAlarm(endpoint.id)
    }
    const mendDatabase = breakDatabase(isFlush)
    receivers.current.become(endpoint.url, 200)
    await tenant.call('POST', `/deliveries/${changed}.${endpoint.id}/retry`)
    await tenant.deliveryIn('succeeded', changed, endpoint.id)
    const added = await tenant.published()
    await tenant.deliveryIn('succeeded', added, endpoint.id)
    await crash(endpoint.id)
    mendDatabase()
    await ringAlarm(endpoint.id)
    expect((await caughtUp(tenant, endpoint)).map(({ state }) => state)).toEqual(['succeeded', 'succeeded'])
  })

  it('what changed again before it was back is written as it is then', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [600] })
    const mendDatabase = breakDatabase(isFlush)
    receivers.current.become(endpoint.url, 500)
    const message_id = await tenant.published()
    await tenant.deliveryIn('waiting', message_id, endpoint.id)
    await ringAlarm(endpoint.id)
    receivers.current.become(endpoint.url, 200)
    skip(900_000)
    await ringAlarm(endpoint.id)
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    mendDatabase()
    await ringAlarm(endpoint.id)
    expect(await caughtUp(tenant, endpoint)).toMatchObject([{ state: 'succeeded', attempt_count: 2 }])
  })
})

it('a flush that arrives late never overwrites a newer one', async () => {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint({ retry_delays_s: [3600] })
  receivers.current.become(endpoint.url, 500)
  // The statement is on its way when its Endpoint crashes, and D1 executes it after those of the next life.
  const prepare = env.DB.prepare.bind(env.DB)
  const late: D1PreparedStatement[] = []
  const underWay = vi.spyOn(env.DB, 'prepare').mockImplementation((sql) => {
    const statement = prepare(sql)
    if (!isFlush(sql)) return statement
    const bind = (...values: unknown[]) => {
      late.push(prepare(sql).bind(...values))
      return { run: () => new Promise(() => {}) } as unknown as D1PreparedStatement
    }
    return Object.assign(statement, { bind })
  })
  const message_id = await tenant.published()
  await tenant.deliveryIn('waiting', message_id, endpoint.id)
  await eventually('the flush to be under way', () => late.length === 1)
  await crash(endpoint.id)
  underWay.mockRestore()

  receivers.current.become(endpoint.url, 200)
  await tenant.call('POST', `/deliveries/${message_id}.${endpoint.id}/retry`)
  await tenant.deliveryIn('succeeded', message_id, endpoint.id)
  const newest = await caughtUp(tenant, endpoint)
  for (const statement of late) await statement.run()
  expect(await listed(tenant)).toEqual(newest)
})
