/** Deleting a tenant: refused everywhere at once, then removed page by page, and only then its id is free. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { objectName } from '../../src/endpoints/lanes.ts'
import {
  alarmOf,
  breakDatabase,
  breakEndpoint,
  call,
  consumed,
  createTenant,
  eventually,
  type Json,
  runCron,
  skip,
  stubOf,
  type TenantHandle,
  useReceivers,
} from './harness.ts'
import { expectProblem } from './problem.ts'

const HOUR_MS = 60 * 60 * 1000
const LARGE = 'x'.repeat(100 * 1024)
const receivers = useReceivers()

/** How many rows each table of D1 that knows tenants has of this one: whichever tables there are. */
async function rowsLeft({ id }: TenantHandle): Promise<Record<string, number>> {
  const tables = await env.DB.prepare(
    `SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%tenant_id%' ORDER BY name`,
  ).run<{ name: string }>()
  const counts = await Promise.all(
    tables.results.map(async ({ name }) => {
      const row = await env.DB.prepare(`SELECT COUNT(*) AS count FROM ${name} WHERE tenant_id = ?`).bind(id).first()
      return [name, Number(row?.count)] as const
    }),
  )
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}

const payloadsOf = async ({ id }: TenantHandle) => (await env.PAYLOADS.list({ prefix: `${id}/` })).objects.length

/** Nothing but the tables that every new life of an object makes. */
const isEmpty = (object_name: string) =>
  eventually(`${object_name} to be empty`, async () => {
    const count = await runInDurableObject(stubOf(object_name), (_endpoint, { storage }) =>
      ['deliveries', 'meta'].map((table) => storage.sql.exec(`SELECT 1 FROM ${table}`).toArray().length),
    ).catch(() => null)
    return count?.join() === '0,0' && (await alarmOf(object_name)) === null
  })

const deleted = async (tenant: TenantHandle) =>
  expect((await tenant.call('DELETE', '?endpoints=delete')).status).toBe(204)

/** The cron, until the tenant is gone for good. */
async function purged(tenant: TenantHandle): Promise<void> {
  skip(3 * HOUR_MS)
  await runCron('tenants.purge')
  skip(HOUR_MS)
  await runCron('tenants.purge')
  expect(await rowsLeft(tenant)).toEqual({})
}

/** A tenant that has something of everything. */
async function richTenant(): Promise<{ tenant: TenantHandle; endpoint: Json; key: string }> {
  const tenant = await createTenant()
  const key = await tenant.key('admin')
  await tenant.call('POST', '/event-types', { body: { name: 'invoice.paid' } })
  await tenant.published({ type: 'nobody.wants' })
  const endpoint = await tenant.endpoint({ lanes: 3, max_in_flight: 3, retry_delays_s: [] })
  receivers.current.become(endpoint.url, 500)
  const large = { data: undefined, raw: LARGE, content_type: 'text/plain' }
  for (let n = 0; n < 6; n++) await tenant.published({ ...large, ...(n % 2 === 0 && { subject: 'cus_42' }) })
  await tenant.call('POST', '/erasures', { body: { subject: 'somebody' } })
  await eventually('rows of everything', async () => Object.keys(await rowsLeft(tenant)).length === 8, 12_000)
  return { tenant, endpoint, key }
}

it('goes on after D1 has failed in the middle, with more rows than a page, and with two runs at once', async () => {
  const tenant = await createTenant()
  await env.DB.prepare(
    `INSERT INTO deliveries (tenant_id, accepted_at, message_id, endpoint_id, event_type, state, attempts, updated_at, revision)
     WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 3500)
     SELECT ?1, i, 'msg_' || i, 'ep_1', 'a', 'pending', 0, 0, 1 FROM n`,
  )
    .bind(tenant.id)
    .run()
  // No other test comes before this one, whose statements would be counted too.
  let pages = 0
  const mendDatabase = breakDatabase((sql) => sql.startsWith('DELETE FROM deliveries') && ++pages > 1)
  const warn = vi.spyOn(console, 'warn')
  await deleted(tenant)
  await eventually('the failure', () => warn.mock.calls.some(([line]) => String(line).includes('tenant.purge_failed')))
  expect(await rowsLeft(tenant)).toEqual({ deliveries: 2501, tenant_deletions: 1 })
  mendDatabase()
  skip(3 * HOUR_MS)
  await Promise.all([runCron('tenants.purge'), runCron('tenants.purge')])
  expect(await rowsLeft(tenant)).toEqual({ tenant_deletions: 1 })
  await Promise.all([runCron('tenants.purge'), runCron('tenants.purge')])
  expect(await rowsLeft(tenant)).toEqual({})
})

it('takes everything with it: rows, payloads, and what every lane of its endpoints holds', async () => {
  const { tenant, endpoint } = await richTenant()
  const neighbour = await createTenant()
  await neighbour.published()
  await deleted(tenant)
  await purged(tenant)
  expect(await payloadsOf(tenant)).toBe(0)
  for (const lane of [0, 1, 2]) {
    await isEmpty(objectName(endpoint.id, lane))
  }
  expect(await rowsLeft(neighbour)).toEqual({ audit_log: 1, unmatched_messages: 1 })
})

it('takes with it what was counted for its quotas, and what is counted while it goes', async () => {
  const tenant = await createTenant({ limits: { messages_per_month: 10 } })
  const quota = () => env.QUOTA.get(env.QUOTA.idFromName(tenant.id))
  const quotas = { per_second: null, burst: 0, per_month: 10 }
  const month = new Date(Date.now()).toISOString().slice(0, 7)
  // While it forgets, it has no tables to look into.
  const counted = async () =>
    (
      await quota()
        .usage(month, quotas)
        .catch(() => ({ counted: undefined }))
    ).counted
  await tenant.published()
  expect(await counted()).toMatchObject({ accepted: 1 })
  await deleted(tenant)
  await eventually('it to be forgotten', async () => (await counted()) === null)
  // Whoever did not hear of the deletion in time.
  await quota().take({ id: 'late', count: 1, quotas })
  await purged(tenant)
  await eventually('it to be forgotten again', async () => (await counted()) === null)
})

it('is not gone while what it counted is not: the next run goes on', async () => {
  const tenant = await createTenant()
  const broken = vi
    .spyOn(env.QUOTA, 'get')
    .mockReturnValue({ remove: () => Promise.reject(new Error('down')) } as never)
  await deleted(tenant)
  skip(3 * HOUR_MS)
  await runCron('tenants.purge')
  expect(await rowsLeft(tenant)).toMatchObject({ tenant_deletions: 1 })
  broken.mockRestore()
  await purged(tenant)
})

it('refuses everything from the first moment, whatever is still there', async () => {
  const { tenant, endpoint, key } = await richTenant()
  const mendEndpoint = breakEndpoint(endpoint.id)
  await deleted(tenant)
  expectProblem(await tenant.call('GET', ''), 404, 'not_found')
  expectProblem(await tenant.publish(), 404, 'not_found')
  expectProblem(await tenant.call('GET', '/deliveries'), 404, 'not_found')
  expectProblem(await tenant.call('GET', '/endpoints', { key }), 401, 'unauthorized')
  expectProblem(await tenant.call('DELETE', ''), 404, 'not_found')
  const { data } = (await call('GET', '/v1/tenants?limit=250')).body
  expect(data.map(({ id }: Json) => id)).not.toContain(tenant.id)
  mendEndpoint()
})

it('delivers nothing more, soon after', async () => {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint({ retry_delays_s: [1, 1, 1, 1, 1, 1, 1, 1, 1] })
  receivers.current.become(endpoint.url, 500)
  await tenant.published()
  await eventually('an attempt', () => receivers.current.arrivals(endpoint.url).length > 0)
  await deleted(tenant)
  // Without the cron: what is small is removed at once.
  await eventually('no row', async () => (await rowsLeft(tenant)).endpoints === undefined)
  await isEmpty(endpoint.id)
})

describe('its id', () => {
  it('is taken until all of it is gone, and then begins anew', async () => {
    const { tenant, key } = await richTenant()
    await deleted(tenant)
    const again = () => call('POST', '/v1/tenants', { body: { id: tenant.id, name: 'Another' } })
    expectProblem(await again(), 409, 'tenant_being_deleted')
    await runCron('tenants.purge')
    expectProblem(await again(), 409, 'tenant_being_deleted')
    await purged(tenant)
    expect((await again()).status).toBe(201)
    expectProblem(await tenant.call('GET', '', { key }), 401, 'unauthorized')
    for (const list of ['/keys', '/event-types', '/messages', '/deliveries', '/endpoints', '/dead-letters']) {
      expect((await tenant.call('GET', list)).body, list).toEqual({ data: [], next_cursor: null })
    }
    expectProblem(await again(), 409, 'tenant_exists')
  })

  it('is taken for two hours, for whoever did not hear of it in time to write: that goes too', async () => {
    const tenant = await createTenant()
    await deleted(tenant)
    await runCron('tenants.purge')
    await env.DB.prepare(
      `INSERT INTO unmatched_messages (tenant_id, accepted_at, id, event_type, content_type, format, channels, fingerprint, size_bytes)
       VALUES (?, 1, 'msg_late', 'a', 'b', 'raw', '[]', 'f', 0)`,
    )
      .bind(tenant.id)
      .run()
    await env.PAYLOADS.put(`${tenant.id}/msg_01J9Z3K4M5N6P7Q8R9S0T1V2W3/1-${'0'.repeat(32)}`, 'late')
    expect(await rowsLeft(tenant)).toEqual({ tenant_deletions: 1, unmatched_messages: 1 })
    await purged(tenant)
    expect(await payloadsOf(tenant)).toBe(0)
  })

  it('is taken while an Endpoint cannot be told, which the next run does; nobody waits for it', async () => {
    const { tenant, endpoint } = await richTenant()
    const other = await createTenant()
    const mendEndpoint = breakEndpoint(objectName(endpoint.id, 2))
    await deleted(tenant)
    await deleted(other)
    skip(3 * HOUR_MS)
    await runCron('tenants.purge')
    expect(await rowsLeft(tenant)).toMatchObject({ endpoints: 1, tenant_deletions: 1 })
    expect(await rowsLeft(other)).toEqual({ tenant_deletions: 1 })
    mendEndpoint()
    await purged(tenant)
    await isEmpty(objectName(endpoint.id, 2))
  })
})

it('is refused while it has endpoints, unless the request says that they go too', async () => {
  const tenant = await createTenant()
  await tenant.endpoint()
  expectProblem(await tenant.call('DELETE', ''), 409, 'tenant_not_empty')
  expectProblem(await tenant.call('DELETE', '?endpoints=keep'), 422, 'invalid_request')
  expect((await tenant.call('GET', '')).status).toBe(200)
  await deleted(tenant)
})

it('leaves no place for a death that is reported too late', async () => {
  const tenant = await createTenant()
  await deleted(tenant)
  await purged(tenant)
  const ids = { tenant_id: tenant.id, endpoint_id: 'ep_1', message_id: 'msg_1', event_type: 'invoice.paid' }
  const more = { accepted_at: 1, died_at: 2, attempts: 3, last_status: null, last_error: 'timeout' }
  expect(await consumed('dead-letters', [{ v: 1, ...ids, ...more }])).toEqual(['acked'])
  expect(await rowsLeft(tenant)).toEqual({})
})
