/** Retention of event types in D1 and R2: content goes when the time of its type is over, and not the memory of its id. */
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createDeps } from '../../src/deps.ts'
import { expireContent } from '../../src/retention/expire-content.ts'
import { Run } from '../../src/retention/run.ts'
import {
  createTenant,
  eventually,
  type Json,
  ringAlarm,
  runCron,
  skip,
  type TenantHandle,
  useReceivers,
} from './harness.ts'
import { expectProblem } from './problem.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const MINUTE_MS = 60_000
const TYPE_DAYS = 2
const receivers = useReceivers()
const LARGE = 'x'.repeat(120_000)

beforeEach(async () => {
  // The clock of one test may be ahead of that of the next.
  await env.DB.batch([env.DB.prepare('DELETE FROM upkeep'), env.DB.prepare('DELETE FROM event_types')])
})

async function tenantThatForgets() {
  const tenant = await createTenant({ retention_days: 30 })
  await tenant.call('POST', '/event-types', { body: { name: 'user.created', retention_days: TYPE_DAYS } })
  return tenant
}

const omittedOf = async (tenant: TenantHandle, id: string) =>
  (await tenant.call('GET', `/messages/${id}`)).body.payload_omitted

const payloadsOf = async ({ id }: TenantHandle) => (await env.PAYLOADS.list({ prefix: `${id}/` })).objects

/** Twice, with what has to lie between two looks: a payload goes at the second. */
async function runPayloads(): Promise<void> {
  await runCron('retention.payloads')
  skip(11 * MINUTE_MS)
  await runCron('retention.payloads')
}

describe('a message that nobody subscribed to', () => {
  it('keeps its payload until the time of its type is over, and its id for longer', async () => {
    const tenant = await tenantThatForgets()
    const key = { 'idempotency-key': 'user-1' }
    const { id } = (await tenant.publish({ type: 'user.created' }, key)).body
    const other = await tenant.published({ type: 'user.deleted' })
    skip(TYPE_DAYS * DAY_MS - MINUTE_MS)
    await runCron('retention.content')
    expect(await omittedOf(tenant, id)).toBeNull()
    skip(2 * MINUTE_MS)
    await runCron('retention.content')
    expect(await omittedOf(tenant, id)).toBe('expired')
    expect(await omittedOf(tenant, other)).toBeNull()
    expect((await tenant.publish({ type: 'user.created' }, key)).body).toMatchObject({ id, duplicate: true })
    expectProblem(await tenant.publish({ type: 'user.created', data: 'other' }, key), 409, 'idempotency_conflict')
    skip(29 * DAY_MS)
    await runCron('retention.rows')
    expect((await tenant.call('GET', `/messages/${id}`)).status).toBe(404)
  })

  it('cannot be replayed without it', async () => {
    const tenant = await tenantThatForgets()
    const id = await tenant.published({ type: 'user.created' })
    skip((TYPE_DAYS + 1) * DAY_MS)
    await runCron('retention.content')
    const { id: endpoint_id } = await tenant.endpoint()
    const replayed = await tenant.call('POST', `/messages/${id}/replay`, { body: { endpoint_ids: [endpoint_id] } })
    expectProblem(replayed, 410, 'content_expired')
  })

  it('goes by a change of the retention too, shorter or longer', async () => {
    const tenant = await tenantThatForgets()
    const first = await tenant.published({ type: 'user.created' })
    skip((TYPE_DAYS + 1) * DAY_MS)
    await runCron('retention.content')
    const second = await tenant.published({ type: 'user.created' })
    await tenant.call('PATCH', '/event-types/user.created', { body: { retention_days: 10 } })
    skip(5 * DAY_MS)
    await runCron('retention.content')
    expect(await omittedOf(tenant, second)).toBeNull()
    await tenant.call('PATCH', '/event-types/user.created', { body: { retention_days: 1 } })
    await runCron('retention.content')
    expect([await omittedOf(tenant, first), await omittedOf(tenant, second)]).toEqual(['expired', 'expired'])
  })

  it('is one of many, and they go page by page', async () => {
    const tenant = await tenantThatForgets()
    const rows = Array.from({ length: 12_000 }, (_, i) => [
      Math.floor(i / 7),
      `msg_0${i}`,
      i % 4 ? 'user.created' : 'other',
    ])
    const insert = `INSERT INTO unmatched_messages (tenant_id, accepted_at, id, event_type, content_type, format, channels, fingerprint,
        payload, size_bytes)
      SELECT ?1, ?3 + (value ->> 0), value ->> 1, value ->> 2, 'text/plain', 'raw', '[]', 'f', 'x', 1 FROM json_each(?2)`
    await env.DB.prepare(insert).bind(tenant.id, JSON.stringify(rows), Date.now()).run()
    skip((TYPE_DAYS + 1) * DAY_MS)
    await runCron('retention.content')
    const { results } = await env.DB.prepare(
      'SELECT event_type, COUNT(payload) AS kept, COUNT(*) AS rows FROM unmatched_messages WHERE tenant_id = ? GROUP BY 1 ORDER BY 1',
    )
      .bind(tenant.id)
      .all()
    expect(results).toEqual([
      { event_type: 'other', kept: 3000, rows: 3000 },
      { event_type: 'user.created', kept: 0, rows: 9000 },
    ])
  })
})

describe('a dead letter', () => {
  it('goes when the time of its type is over: it could not be redriven any more', async () => {
    const tenant = await tenantThatForgets()
    const endpoint = await tenant.endpoint({ retry_delays_s: [] })
    receivers.current.become(endpoint.url, 500)
    for (const type of ['user.created', 'user.deleted']) await tenant.published({ type })
    const letters = async () => (await tenant.call('GET', '/dead-letters')).body.data.map((one: Json) => one.event_type)
    await eventually('both dead letters', async () => (await letters()).length === 2)
    skip(TYPE_DAYS * DAY_MS - MINUTE_MS)
    await runCron('retention.content')
    expect(await letters()).toHaveLength(2)
    skip(2 * MINUTE_MS)
    await runCron('retention.content')
    expect(await letters()).toEqual(['user.deleted'])
  })
})

it('a dead letter goes by a later run when the one that expired the messages had no time left for it', async () => {
  const tenant = await tenantThatForgets()
  await env.DB.prepare(
    `INSERT INTO dead_letters (cause, tenant_id, id, endpoint_id, message_id, event_type, accepted_at, died_at)
       VALUES ('exhausted', ?1, 'x.y', 'y', 'x', 'user.created', ?2, ?2)`,
  )
    .bind(tenant.id, Date.now())
    .run()
  skip((TYPE_DAYS + 5) * DAY_MS)
  const deps = createDeps(env, () => {})
  // Room for its groups and one page of one table.
  for (const calls of [4, 900]) await expireContent(deps, new Run(deps.now, { calls, ms: 60_000 }))
  expect((await tenant.call('GET', '/dead-letters')).body.data).toEqual([])
})

describe('a payload in R2', () => {
  it('goes when no Endpoint holds the content of its message any more', async () => {
    const tenant = await tenantThatForgets()
    const endpoint = await tenant.endpoint()
    const id = await tenant.published({ type: 'user.created', data: LARGE })
    await tenant.deliveryIn('succeeded', id, endpoint.id)
    skip(TYPE_DAYS * DAY_MS + MINUTE_MS)
    await runPayloads()
    expect(await payloadsOf(tenant)).toHaveLength(1)
    await ringAlarm(endpoint.id)
    skip(DAY_MS)
    await runPayloads()
    expect(await payloadsOf(tenant)).toEqual([])
    expect(await omittedOf(tenant, id)).toBe('expired')
  })

  it('of another type stays for as long as the tenant keeps deliveries', async () => {
    const tenant = await tenantThatForgets()
    const endpoint = await tenant.endpoint()
    const id = await tenant.published({ type: 'user.deleted', data: LARGE })
    await tenant.deliveryIn('succeeded', id, endpoint.id)
    skip((TYPE_DAYS + 1) * DAY_MS)
    await ringAlarm(endpoint.id)
    await runPayloads()
    expect(await payloadsOf(tenant)).toHaveLength(1)
    expect(await omittedOf(tenant, id)).toBeNull()
  })

  it('of a message that nobody subscribed to goes too', async () => {
    const tenant = await tenantThatForgets()
    await tenant.published({ type: 'user.created', data: LARGE })
    skip((TYPE_DAYS + 1) * DAY_MS)
    await runCron('retention.content')
    await runPayloads()
    expect(await payloadsOf(tenant)).toEqual([])
  })
})

it('a run writes nothing where no type has a retention of its own', async () => {
  const tenant = await createTenant()
  await tenant.published({ type: 'user.created' })
  skip(20 * DAY_MS)
  const info = vi.spyOn(console, 'info').mockImplementation(() => {})
  await runCron('retention.content')
  const lines = info.mock.calls.map(([line]) => JSON.parse(String(line)))
  info.mockRestore()
  const [run] = lines.filter(({ message }) => message === 'retention.content')
  expect(run).toMatchObject({ rows_written: 0, is_cut_off: false })
})
