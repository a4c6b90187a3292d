/** Retention in pages: of any number of rows, cut off anywhere, by several at once, and while D1 fails. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createDeps } from '../../src/deps.ts'
import { deleteExpiredRows } from '../../src/retention/delete-expired-rows.ts'
import { Run } from '../../src/retention/run.ts'
import { breakDatabase, createTenant, runCron, type TenantHandle } from './harness.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** What one statement looks at. */
const PAGE = 5000

beforeEach(async () => {
  await env.DB.prepare('DELETE FROM upkeep').run()
})

afterEach(async () => {
  await env.DB.prepare('DELETE FROM deliveries').run()
})

interface Rows {
  count: number
  state?: string
  endpoint_id?: string
  accepted_days_ago?: number
}

/** Rows of the read model as Endpoints write them, one a millisecond. */
async function write(tenant: TenantHandle, { count, state = 'succeeded', endpoint_id = 'ep_1', ...more }: Rows) {
  const accepted_at = Date.now() - (more.accepted_days_ago ?? 40) * DAY_MS
  await env.DB.prepare(
    `INSERT INTO deliveries (tenant_id, accepted_at, message_id, endpoint_id, event_type, state, attempts, finished_at,
       updated_at, revision)
     WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)
     SELECT ?2, ?3 + i, 'msg_' || i, ?4, 'invoice.paid', ?5, 1, iif(?5 = 'waiting', NULL, ?3 + i), ?3 + i, 1 FROM n`,
  )
    .bind(count, tenant.id, accepted_at, endpoint_id, state)
    .run()
}

async function countOf(tenant: TenantHandle): Promise<Record<string, number>> {
  const sql = 'SELECT state, COUNT(*) AS count FROM deliveries WHERE tenant_id = ? GROUP BY state'
  const { results } = await env.DB.prepare(sql).bind(tenant.id).run<{ state: string; count: number }>()
  return Object.fromEntries(results.map(({ state, count }) => [state, count]))
}

const deps = () => createDeps(env, () => {})

/** A run that may make so many calls. */
async function runWith(calls: number): Promise<Run> {
  const run = new Run(Date.now, { calls, ms: 60_000 })
  await deleteExpiredRows(deps(), run)
  return run
}

describe('more rows than a page', () => {
  it.each([PAGE - 1, PAGE, PAGE + 1, 3 * PAGE + 7])('%i that are old go, and a young one stays', async (count) => {
    const tenant = await createTenant()
    await write(tenant, { count })
    await write(tenant, { count: 1, accepted_days_ago: 1 })
    await runCron('retention.rows')
    expect(await countOf(tenant)).toEqual({ succeeded: 1 })
  })

  it('go though as many that have not ended lie before them and between', async () => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint()
    await write(tenant, { count: 2 * PAGE, state: 'waiting', endpoint_id: id, accepted_days_ago: 50 })
    await write(tenant, { count: PAGE, accepted_days_ago: 45 })
    await write(tenant, { count: PAGE, state: 'waiting', endpoint_id: id })
    await write(tenant, { count: PAGE })
    await runCron('retention.rows')
    expect(await countOf(tenant)).toEqual({ waiting: 3 * PAGE })
  })

  it('costs one row written and three read for each that is deleted', async () => {
    const tenant = await createTenant()
    await write(tenant, { count: 2 * PAGE })
    const { rows_read = 0, rows_written = 0, deliveries } = (await runWith(100)).counts
    expect(deliveries).toBe(2 * PAGE)
    expect(rows_written).toBeLessThanOrEqual(2 * PAGE)
    expect(rows_read).toBeLessThanOrEqual(3 * 2 * PAGE + 100)
  })
})

describe('a run that is cut off', () => {
  it('leaves the rest for the next, which goes on where it was, past what has not ended', async () => {
    const tenants = [await createTenant(), await createTenant(), await createTenant()]
    for (const tenant of tenants) {
      const { id } = await tenant.endpoint()
      await write(tenant, { count: 3 * PAGE, state: 'waiting', endpoint_id: id, accepted_days_ago: 50 })
      await write(tenant, { count: PAGE + 1 })
    }
    // Room for two pages of one tenant: never for getting through one, were it to begin again each time.
    let runs = 1
    while ((await runWith(6)).is_cut_off && runs < 20) runs++
    for (const tenant of tenants) expect(await countOf(tenant)).toEqual({ waiting: 3 * PAGE })
    expect(runs).toBeGreaterThan(3)
    expect(runs).toBeLessThan(20)
  })

  it('stays within its calls', async () => {
    const tenant = await createTenant()
    await write(tenant, { count: 2 * PAGE })
    const prepare = vi.spyOn(env.DB, 'prepare')
    const batch = vi.spyOn(env.DB, 'batch')
    await runWith(6)
    const in_batches = batch.mock.calls.reduce((sum, [statements]) => sum + statements.length, 0)
    const calls = prepare.mock.calls.length - in_batches + batch.mock.calls.length
    vi.restoreAllMocks()
    expect(calls).toBeGreaterThan(3)
    expect(calls).toBeLessThanOrEqual(7)
  })

  it('ends after its time, too', async () => {
    const tenant = await createTenant()
    await write(tenant, { count: 3 * PAGE })
    let time = 0
    const run = new Run(() => time++, { calls: 100, ms: 5 })
    await deleteExpiredRows(deps(), run)
    expect(run.is_cut_off).toBe(true)
    const { succeeded = 0 } = await countOf(tenant)
    expect(succeeded % PAGE).toBe(0)
    await runCron('retention.rows')
    expect(await countOf(tenant)).toEqual({})
  })
})

it('more tenants than a page, each with something old, are gone through once, by one run or by several', async () => {
  const tenants = await Promise.all(Array.from({ length: 120 }, () => createTenant()))
  const left = async () => {
    const { results } = await env.DB.prepare('SELECT DISTINCT tenant_id FROM deliveries').run<{ tenant_id: string }>()
    return results.length
  }
  for (const tenant of tenants) await write(tenant, { count: 1 })
  await runCron('retention.rows')
  expect(await left()).toBe(0)

  for (const tenant of tenants) await write(tenant, { count: 1 })
  let runs = 1
  while ((await runWith(100)).is_cut_off) runs++
  expect(await left()).toBe(0)
  expect(runs).toBe(3)
})

it('two runs at once delete what one would', async () => {
  const tenant = await createTenant()
  const { id } = await tenant.endpoint()
  await write(tenant, { count: PAGE, state: 'waiting', endpoint_id: id, accepted_days_ago: 50 })
  await write(tenant, { count: 2 * PAGE })
  await write(tenant, { count: 10, accepted_days_ago: 1 })
  await Promise.all([runCron('retention.rows'), runCron('retention.rows')])
  expect(await countOf(tenant)).toEqual({ waiting: PAGE, succeeded: 10 })
})

it('a run in which D1 fails is a failed run; what it deleted stays deleted, and the next does the rest', async () => {
  const tenant = await createTenant()
  await write(tenant, { count: 3 * PAGE })
  let pages = 0
  const mendDatabase = breakDatabase((sql) => sql.startsWith('DELETE FROM deliveries') && ++pages > 2)
  await expect(runCron('retention.rows')).rejects.toThrow()
  expect(await countOf(tenant)).toEqual({ succeeded: PAGE })
  mendDatabase()
  await runCron('retention.rows')
  expect(await countOf(tenant)).toEqual({})
})

it('a tenant with which D1 fails again and again keeps no other waiting', async () => {
  const [first, second] = [await createTenant(), await createTenant()]
  for (const tenant of [first, second]) await write(tenant, { count: 10 })
  const prepare = env.DB.prepare.bind(env.DB)
  vi.spyOn(env.DB, 'prepare').mockImplementation((sql) => {
    const statement = prepare(sql)
    const bind = (...values: unknown[]) => {
      if (sql.startsWith('SELECT accepted_at') && values[0] === first.id) throw new Error('D1_ERROR: timed out')
      return prepare(sql).bind(...values)
    }
    return Object.assign(statement, { bind })
  })
  await expect(runCron('retention.rows')).rejects.toThrow('timed out')
  expect(await countOf(first)).toEqual({ succeeded: 10 })
  expect(await countOf(second)).toEqual({})
})
