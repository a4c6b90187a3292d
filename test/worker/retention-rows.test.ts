/** Retention in D1: what has ended goes when its time is over, tenant by tenant; what has not ended stays. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  breakDatabase,
  consumed,
  createTenant,
  eventually,
  type Json,
  ringAlarm,
  runCron,
  skip,
  type TenantHandle,
  useReceivers,
} from './harness.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const MINUTE_MS = 60_000
const RETENTION_DAYS = 7
const receivers = useReceivers()

beforeEach(async () => {
  // The clock of one test may be ahead of that of the next.
  await env.DB.prepare('DELETE FROM upkeep').run()
})

afterEach(async () => {
  await env.DB.prepare('DELETE FROM deliveries').run()
})

async function tenantThatForgets(days = RETENTION_DAYS, settings: Json = {}) {
  const tenant = await createTenant({ retention_days: days, disable_after_days: 30 })
  const endpoint = await tenant.endpoint({ retry_delays_s: [86_400, 86_400], ...settings })
  return { tenant, endpoint }
}

interface Row {
  message_id: string
  endpoint_id: string
  state: string
}

/** What the read model has, oldest first. */
async function rowsOf({ id }: TenantHandle): Promise<Row[]> {
  const sql =
    'SELECT message_id, endpoint_id, state FROM deliveries WHERE tenant_id = ? ORDER BY accepted_at, endpoint_id'
  return (await env.DB.prepare(sql).bind(id).run<Row>()).results
}

const statesOf = async (tenant: TenantHandle) => (await rowsOf(tenant)).map(({ state }) => state)

/** A delivery that is in this state in its Endpoint, and in the read model. */
async function deliveryIn(state: string, { tenant, endpoint }: { tenant: TenantHandle; endpoint: Json }) {
  receivers.current.become(endpoint.url, state === 'succeeded' ? 200 : 500)
  const retry_delays_s = state === 'dead' ? [] : [86_400, 86_400]
  await tenant.call('PATCH', `/endpoints/${endpoint.id}`, { body: { retry_delays_s } })
  const message_id = await tenant.published()
  if (state === 'cancelled') {
    await tenant.deliveryIn('waiting', message_id, endpoint.id)
    await tenant.call('POST', `/deliveries/${message_id}.${endpoint.id}/cancel`)
  }
  await tenant.deliveryIn(state, message_id, endpoint.id)
  await inReadModel(tenant, message_id, state)
  return message_id
}

const inReadModel = (tenant: TenantHandle, message_id: string, state: string) =>
  eventually(`the row to be ${state}`, async () =>
    (await rowsOf(tenant)).some((row) => row.message_id === message_id && row.state === state),
  )

describe('a delivery that has ended', () => {
  it.each(['succeeded', 'dead', 'cancelled'])('and is %s is kept until its time is over, not longer', async (state) => {
    const { tenant, endpoint } = await tenantThatForgets()
    await deliveryIn(state, { tenant, endpoint })
    await runCron('retention.rows')
    expect(await statesOf(tenant)).toEqual([state])
    skip(RETENTION_DAYS * DAY_MS - MINUTE_MS)
    await runCron('retention.rows')
    expect(await statesOf(tenant)).toEqual([state])
    skip(2 * MINUTE_MS)
    await runCron('retention.rows')
    expect(await rowsOf(tenant)).toEqual([])
  })

  it('is kept for its time from its end, however long ago it was accepted', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    const message_id = await tenant.published()
    skip(3 * RETENTION_DAYS * DAY_MS)
    await tenant.call('POST', `/endpoints/${endpoint.id}/enable`)
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    await inReadModel(tenant, message_id, 'succeeded')
    await runCron('retention.rows')
    expect(await statesOf(tenant)).toEqual(['succeeded'])
    skip((RETENTION_DAYS + 1) * DAY_MS)
    await runCron('retention.rows')
    expect(await rowsOf(tenant)).toEqual([])
  })

  it('goes by the retention of its tenant', async () => {
    const short = await tenantThatForgets(1)
    const long = await tenantThatForgets(30)
    for (const one of [short, long]) await deliveryIn('succeeded', one)
    skip(2 * DAY_MS)
    await runCron('retention.rows')
    expect(await statesOf(short.tenant)).toEqual([])
    expect(await statesOf(long.tenant)).toEqual(['succeeded'])
    skip(29 * DAY_MS)
    await runCron('retention.rows')
    expect(await statesOf(long.tenant)).toEqual([])
  })

  it('is a row again when it was started again just before its row was deleted', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    const message_id = await deliveryIn('dead', { tenant, endpoint })
    skip((RETENTION_DAYS + 1) * DAY_MS)
    const mendDatabase = breakDatabase((sql) => sql.startsWith('INSERT INTO deliveries'))
    receivers.current.hang(endpoint.url)
    await tenant.call('POST', `/deliveries/${message_id}.${endpoint.id}/retry`)
    await runCron('retention.rows')
    expect(await rowsOf(tenant)).toEqual([])
    mendDatabase()
    await ringAlarm(endpoint.id)
    await inReadModel(tenant, message_id, 'pending')
    await runCron('retention.rows')
    expect(await statesOf(tenant)).toEqual(['pending'])
  })
})

describe('a delivery that has not ended', () => {
  it('is kept however old it is: waiting, or parked', async () => {
    const waiting = await tenantThatForgets()
    await deliveryIn('waiting', waiting)
    const parked = await tenantThatForgets()
    await parked.tenant.call('POST', `/endpoints/${parked.endpoint.id}/disable`)
    const message_id = await parked.tenant.published()
    await inReadModel(parked.tenant, message_id, 'pending')
    skip(5 * RETENTION_DAYS * DAY_MS)
    await runCron('retention.rows')
    expect(await statesOf(waiting.tenant)).toEqual(['waiting'])
    expect(await statesOf(parked.tenant)).toEqual(['pending'])
  })

  it('does not keep that of the same message for another endpoint', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    const dead_end = await tenant.endpoint({ retry_delays_s: [86_400] })
    receivers.current.become(dead_end.url, 500)
    const message_id = await tenant.published()
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    await eventually('both rows', async () => (await statesOf(tenant)).toSorted().join() === 'succeeded,waiting')
    skip((RETENTION_DAYS + 1) * DAY_MS)
    await runCron('retention.rows')
    expect(await rowsOf(tenant)).toEqual([{ message_id, endpoint_id: dead_end.id, state: 'waiting' }])
  })

  it('goes when its endpoint is deleted and its time is over: it will never end', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    await deliveryIn('waiting', { tenant, endpoint })
    await tenant.call('DELETE', `/endpoints/${endpoint.id}`)
    await runCron('retention.rows')
    expect(await statesOf(tenant)).toEqual(['waiting'])
    skip((RETENTION_DAYS + 1) * DAY_MS)
    await runCron('retention.rows')
    expect(await rowsOf(tenant)).toEqual([])
  })
})

it('a dead letter is kept for its time from its death, and an internal one until a person deals with it', async () => {
  const { tenant } = await tenantThatForgets()
  const notice = { v: 1, tenant_id: tenant.id, endpoint_id: 'ep_1', event_type: 'invoice.paid', accepted_at: 0 }
  const more = { attempts: 3, last_status: 500, last_error: 'server_error', died_at: Date.now() }
  await consumed('dead-letters', [
    { ...notice, ...more, message_id: 'msg_1' },
    { ...notice, ...more, message_id: 'msg_2', died_at: Date.now() + DAY_MS },
    { tenant_id: tenant.id, item: 'unreadable' },
  ])
  const kept = async () => {
    const sql = 'SELECT cause, message_id FROM dead_letters WHERE tenant_id = ? ORDER BY cause, message_id'
    return (await env.DB.prepare(sql).bind(tenant.id).run()).results.map((row) => row.message_id ?? row.cause)
  }
  await runCron('retention.rows')
  expect(await kept()).toEqual(['msg_1', 'msg_2', 'internal'])
  skip(RETENTION_DAYS * DAY_MS + MINUTE_MS)
  await runCron('retention.rows')
  expect(await kept()).toEqual(['msg_2', 'internal'])
  skip(10 * RETENTION_DAYS * DAY_MS)
  await runCron('retention.rows')
  expect(await kept()).toEqual(['internal'])
})

it('a message that nobody subscribed to is kept for its time from its acceptance', async () => {
  const tenant = await createTenant({ retention_days: RETENTION_DAYS })
  const message_id = await tenant.published()
  skip(RETENTION_DAYS * DAY_MS - MINUTE_MS)
  await runCron('retention.rows')
  expect((await tenant.call('GET', `/messages/${message_id}`)).status).toBe(200)
  skip(2 * MINUTE_MS)
  await runCron('retention.rows')
  expect((await tenant.call('GET', `/messages/${message_id}`)).status).toBe(404)
})

it('says how much it deleted', async () => {
  const { tenant, endpoint } = await tenantThatForgets()
  for (let n = 0; n < 3; n++) await deliveryIn('succeeded', { tenant, endpoint })
  const info = vi.spyOn(console, 'info')
  skip((RETENTION_DAYS + 1) * DAY_MS)
  await runCron('retention.rows')
  const lines = info.mock.calls.map(([line]) => JSON.parse(line) as Json)
  expect(lines.find(({ message }) => message === 'retention.rows')).toMatchObject({
    deliveries: 3,
    is_cut_off: false,
    rows_written: expect.any(Number),
  })
})
