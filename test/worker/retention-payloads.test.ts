/** Retention in R2: a payload goes when it is old and nobody holds its message, seen twice; never before. */
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createId } from '../../src/lib/ids.ts'
import {
  breakEndpoint,
  call,
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
const HOUR_MS = 60 * 60 * 1000
const RETENTION_DAYS = 20
const LARGE = 'é'.repeat(60 * 1024)
const receivers = useReceivers()

beforeEach(async () => {
  // The clock of one test may be ahead of that of the next.
  await env.DB.prepare('DELETE FROM upkeep').run()
})

async function tenantThatForgets(settings: Json = {}, retention_days = RETENTION_DAYS) {
  const tenant = await createTenant({ retention_days, disable_after_days: 30 })
  const endpoint = await tenant.endpoint({ retry_delays_s: [86_400], ...settings })
  return { tenant, endpoint }
}

const publishLarge = (tenant: TenantHandle, more: Json = {}): Promise<string> =>
  tenant.published({ data: undefined, raw: LARGE, content_type: 'text/plain', ...more })

const payloadsOf = async ({ id }: TenantHandle) =>
  (await env.PAYLOADS.list({ prefix: `${id}/` })).objects.map(({ key }) => key)

/** Two runs, as far apart as the cron makes them. */
async function runTwice(): Promise<void> {
  await runCron('retention.payloads')
  skip(HOUR_MS)
  await runCron('retention.payloads')
}

/** The Endpoint deletes what it no longer has to keep. */
async function forgotten(tenant: TenantHandle, message_id: string, endpoint: Json): Promise<void> {
  await eventually('its Endpoint to forget it', async () => {
    await ringAlarm(endpoint.id)
    return (await tenant.call('GET', `/deliveries/${message_id}.${endpoint.id}`)).status === 404
  })
}

describe('a payload', () => {
  it('goes when its delivery has ended and its time is over, at the second look', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    const message_id = await publishLarge(tenant)
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    skip(RETENTION_DAYS * DAY_MS - HOUR_MS)
    await runTwice()
    expect(await payloadsOf(tenant)).toHaveLength(1)

    skip(DAY_MS)
    await forgotten(tenant, message_id, endpoint)
    await runCron('retention.payloads')
    expect(await payloadsOf(tenant)).toHaveLength(1)
    await runCron('retention.payloads')
    expect(await payloadsOf(tenant)).toHaveLength(1)
    skip(HOUR_MS)
    await runCron('retention.payloads')
    expect(await payloadsOf(tenant)).toEqual([])
  })

  it('stays for as long as its Endpoint shows the delivery, whatever the read model says', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    const message_id = await publishLarge(tenant)
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    skip((RETENTION_DAYS + 1) * DAY_MS)
    await runCron('retention.rows')
    await runTwice()
    expect((await tenant.call('GET', `/messages/${message_id}`)).body.payload === LARGE).toBe(true)
  })

  it('stays while a parked delivery needs it, and arrives byte for byte when that goes on', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    const message_id = await publishLarge(tenant)
    skip(3 * RETENTION_DAYS * DAY_MS)
    await ringAlarm(endpoint.id)
    await runCron('retention.rows')
    await runTwice()
    await tenant.call('POST', `/endpoints/${endpoint.id}/enable`)
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    expect(receivers.current.arrivals(endpoint.url)[0]?.body === LARGE).toBe(true)
  })

  it('stays while one of two endpoints has still to deliver it', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    const slow = await tenant.endpoint()
    await tenant.call('POST', `/endpoints/${slow.id}/disable`)
    const message_id = await publishLarge(tenant)
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    skip((RETENTION_DAYS + 1) * DAY_MS)
    await forgotten(tenant, message_id, endpoint)
    await runTwice()
    expect(await payloadsOf(tenant)).toHaveLength(1)

    await tenant.call('POST', `/endpoints/${slow.id}/enable`, { body: { parked: 'cancel' } })
    await tenant.deliveryIn('cancelled', message_id, slow.id)
    skip((RETENTION_DAYS + 1) * DAY_MS)
    await forgotten(tenant, message_id, slow)
    await runTwice()
    expect(await payloadsOf(tenant)).toEqual([])
  })

  it('stays whichever lane of an endpoint has still to deliver it', async () => {
    const { tenant, endpoint } = await tenantThatForgets({ lanes: 4, max_in_flight: 4 })
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    await Promise.all(Array.from({ length: 12 }, () => publishLarge(tenant)))
    skip((RETENTION_DAYS + 1) * DAY_MS)
    await runTwice()
    expect(await payloadsOf(tenant)).toHaveLength(12)
  })

  it('stays while an Endpoint does not answer', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    const message_id = await publishLarge(tenant)
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    skip((RETENTION_DAYS + 1) * DAY_MS)
    await forgotten(tenant, message_id, endpoint)
    const mendEndpoint = breakEndpoint(endpoint.id)
    await runTwice()
    expect(await payloadsOf(tenant)).toHaveLength(1)
    mendEndpoint()
    skip(DAY_MS)
    await runTwice()
    expect(await payloadsOf(tenant)).toEqual([])
  })

  it('goes after a day if that is its tenant’s retention', async () => {
    const { tenant, endpoint } = await tenantThatForgets({}, 1)
    const message_id = await publishLarge(tenant)
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    skip(DAY_MS + HOUR_MS)
    await forgotten(tenant, message_id, endpoint)
    await runTwice()
    expect(await payloadsOf(tenant)).toEqual([])
  })

  it.each([
    { what: 'beyond the endpoints that are called directly', endpoints: 22, is_broken: false },
    { what: 'because an Endpoint did not answer', endpoints: 2, is_broken: true },
  ])('that a queue may need, $what, stays for as long as that can hold it', async ({ endpoints, is_broken }) => {
    const { tenant, endpoint } = await tenantThatForgets({}, 1)
    const all = [endpoint]
    while (all.length < endpoints) all.push(await tenant.endpoint())
    const mendEndpoint = is_broken ? breakEndpoint(endpoint.id) : () => {}
    const message_id = await publishLarge(tenant)
    mendEndpoint()
    for (const { id } of all) await tenant.deliveryIn('succeeded', message_id, id)
    skip(13 * DAY_MS)
    for (const one of all) await forgotten(tenant, message_id, one)
    await runTwice()
    expect(await payloadsOf(tenant)).toHaveLength(1)
    skip(DAY_MS)
    await runTwice()
    expect(await payloadsOf(tenant)).toEqual([])
  })

  it('of a message that nobody subscribed to goes with it', async () => {
    const tenant = await createTenant({ retention_days: RETENTION_DAYS })
    const message_id = await publishLarge(tenant)
    skip((RETENTION_DAYS + 1) * DAY_MS)
    await runTwice()
    expect((await tenant.call('GET', `/messages/${message_id}`)).body.payload === LARGE).toBe(true)
    await runCron('retention.rows')
    skip(DAY_MS)
    await runTwice()
    expect(await payloadsOf(tenant)).toEqual([])
  })

  it('of a deleted endpoint goes when it is old', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    await publishLarge(tenant)
    await tenant.call('DELETE', `/endpoints/${endpoint.id}`)
    skip((RETENTION_DAYS + 1) * DAY_MS)
    await runTwice()
    expect(await payloadsOf(tenant)).toEqual([])
  })

  it('that no message refers to goes when it is old, and nothing else that lies in the bucket', async () => {
    const { tenant } = await tenantThatForgets()
    const stray = `${tenant.id}/msg_01J9Z3K4M5N6P7Q8R9S0T1V2W3/1728000000000-${'0'.repeat(32)}`
    const others = ['audit/2026-11-24.json', `${tenant.id}/report.pdf`, `${tenant.id}/msg_1/1-2`]
    for (const key of [stray, ...others]) await env.PAYLOADS.put(key, 'x')
    skip((RETENTION_DAYS + 1) * DAY_MS)
    await runTwice()
    for (const key of others) expect(await env.PAYLOADS.head(key), key).not.toBeNull()
    expect(await env.PAYLOADS.head(stray)).toBeNull()
  })
})

describe('a fan-out message that is all there is of a delivery', () => {
  /** As the queue carries it. */
  async function fanout(tenant: TenantHandle, endpoint: Json) {
    const accepted_at = Date.now()
    const message_id = createId('msg', accepted_at, (length) => crypto.getRandomValues(new Uint8Array(length)))
    const r2_key = `${tenant.id}/${message_id}/${accepted_at}-${'0'.repeat(32)}`
    await env.PAYLOADS.put(r2_key, LARGE)
    const item = {
      message_id,
      event_type: 'invoice.paid',
      content_type: 'text/plain',
      format: 'raw',
      headers: {},
      channels: [],
      ordering_key: null,
      accepted_at,
      fingerprint: '0'.repeat(64),
      body: { r2_key, size_bytes: LARGE.length },
    }
    return { message_id, queued: { v: 1, tenant_id: tenant.id, item, endpoint_ids: [endpoint.id], notes: {} } }
  }

  it('keeps its payload while it waits for the operator, and anew once it is redriven', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    const { message_id, queued } = await fanout(tenant, endpoint)
    await consumed('dead-letters', [queued])
    skip((RETENTION_DAYS + 1) * DAY_MS)
    await runTwice()
    expect(await payloadsOf(tenant)).toHaveLength(1)
    const { data } = (await call('GET', '/v1/dead-letters?limit=250')).body
    const letter = data.find(({ tenant_id }: Json) => tenant_id === tenant.id)
    const renewed = vi.spyOn(env.PAYLOADS, 'put')
    await call('POST', `/v1/dead-letters/${letter.id}/redrive`)
    expect(renewed).toHaveBeenCalledTimes(1)
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    expect(receivers.current.arrivals(endpoint.url)[0]?.body === LARGE).toBe(true)
  })

  it('keeps it when its Endpoint takes the delivery between the two looks', async () => {
    const { tenant, endpoint } = await tenantThatForgets()
    const { message_id, queued } = await fanout(tenant, endpoint)
    skip((RETENTION_DAYS + 1) * DAY_MS)
    await runCron('retention.payloads')
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    await consumed('fanout', [queued])
    skip(HOUR_MS)
    await runCron('retention.payloads')
    await tenant.call('POST', `/endpoints/${endpoint.id}/enable`)
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    expect(receivers.current.arrivals(endpoint.url)[0]?.body === LARGE).toBe(true)
  })
})

it('goes through the bucket in pages, once a day', { timeout: 60_000 }, async () => {
  const tenants = [await createTenant(), await createTenant()]
  const keys = tenants.flatMap(({ id }) =>
    Array.from({ length: 700 }, (_, n) => {
      const message_id = `msg_01J9Z3K4M5N6P7Q8R9S0T1${String(n).padStart(4, '0')}`
      return `${id}/${message_id}/1728000000000-${'0'.repeat(32)}`
    }),
  )
  for (let i = 0; i < keys.length; i += 100)
    await Promise.all(keys.slice(i, i + 100).map((key) => env.PAYLOADS.put(key, 'x')))
  skip(40 * DAY_MS)
  await runTwice()
  for (const tenant of tenants) expect(await payloadsOf(tenant)).toEqual([])

  const list = vi.spyOn(env.PAYLOADS, 'list')
  skip(HOUR_MS)
  await runCron('retention.payloads')
  expect(list).not.toHaveBeenCalled()
  skip(DAY_MS)
  await runCron('retention.payloads')
  expect(list).toHaveBeenCalled()
})

it('two runs at once, and one in which R2 fails, delete what one would', async () => {
  const { tenant } = await tenantThatForgets()
  const keyed = (n: number) => `${tenant.id}/msg_Z1J9Z3K4M5N6P7Q8R9S0T1V2W${n}/1728000000000-${'0'.repeat(32)}`
  for (let n = 0; n < 5; n++) await env.PAYLOADS.put(keyed(n), 'x')
  skip((RETENTION_DAYS + 1) * DAY_MS)
  await Promise.all([runCron('retention.payloads'), runCron('retention.payloads')])
  skip(HOUR_MS)
  const broken = vi.spyOn(env.PAYLOADS, 'delete').mockRejectedValue(new Error('R2 is down'))
  await expect(runCron('retention.payloads')).rejects.toThrow('R2 is down')
  broken.mockRestore()
  await Promise.all([runCron('retention.payloads'), runCron('retention.payloads')])
  expect(await payloadsOf(tenant)).toEqual([])
})
