/** Quotas of tenants: what is published beyond them is refused, what is accepted is counted, once and exactly. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { parseList } from 'structured-headers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  breakDatabase,
  breakEndpoint,
  createTenant,
  eventually,
  type Json,
  type Reply,
  skip,
  type TenantHandle,
  useReceivers,
} from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

const DAY_MS = 24 * 60 * 60 * 1000
useReceivers()
afterEach(() => {
  vi.restoreAllMocks()
})

const quotaOf = ({ id }: TenantHandle) => env.QUOTA.get(env.QUOTA.idFromName(id))

const limited = (limits: Record<string, unknown>) => createTenant({ limits })

const usageOf = async (tenant: TenantHandle, query = ''): Promise<Json> => {
  const { status, body } = await tenant.call('GET', `/usage${query}`)
  expect(status, JSON.stringify(body)).toBe(200)
  return body
}

/** What is settled after the answer has left is waited for. */
const countsExactly = (tenant: TenantHandle, accepted: number) =>
  eventually(`${accepted} to be counted`, async () => (await usageOf(tenant)).accepted === accepted)

const batch = async (tenant: TenantHandle, messages: unknown[]): Promise<{ reply: Reply; statuses: number[] }> => {
  const reply = await tenant.call('POST', '/messages/batch', { body: { messages } })
  expect(reply.status, JSON.stringify(reply.body)).toBe(200)
  return { reply, statuses: reply.body.results.map(({ status }: Json) => status) }
}

const event = (n: number, more: Record<string, unknown> = {}) => ({ type: 'invoice.paid', data: { n }, ...more })

/** A field as `structured-headers` reads it: items by name. */
function readField(reply: Reply, name: string): Record<string, Record<string, unknown>> {
  const items = parseList(reply.headers.get(name) ?? '').map(([item, parameters]) => {
    expect(typeof item, 'the draft wants a String').toBe('string')
    return [item, Object.fromEntries(parameters as Map<string, unknown>)]
  })
  return Object.fromEntries(items)
}

/** The object does not answer, until the function that this gives is called. */
function breakQuota(
  how: () => Promise<never> = () => Promise.reject(new Error('the object does not answer')),
): () => void {
  const broken = vi.spyOn(env.QUOTA, 'get').mockReturnValue({ take: how, settle: how, usage: how } as never)
  return () => broken.mockRestore()
}

describe('a tenant with messages_per_month', () => {
  it('publishes as many as that, and is told until when it has to wait', async () => {
    const tenant = await limited({ messages_per_month: 2 })
    await tenant.endpoint()
    await tenant.published()
    await tenant.published()
    const reply = await tenant.publish()
    expectProblem(reply, 429, 'quota_exceeded')
    const wait_ms = Number(reply.headers.get('retry-after')) * 1000
    const now = new Date()
    expect(Date.now() + wait_ms).toBeGreaterThanOrEqual(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1) - 2000)
    expect((await usageOf(tenant)).accepted).toBe(2)
  })

  it('is never given more, however many publish at once, alone and in batches', async () => {
    const tenant = await limited({ messages_per_month: 50 })
    await tenant.endpoint()
    const alone = Array.from({ length: 40 }, () => tenant.publish())
    const together = Array.from({ length: 4 }, () =>
      batch(
        tenant,
        Array.from({ length: 10 }, (_, n) => event(n)),
      ),
    )
    const statuses = [
      ...(await Promise.all(alone)).map(({ status }) => status),
      ...(await Promise.all(together)).flatMap((answer) => answer.statuses),
    ]
    expect(statuses.filter((status) => status === 202)).toHaveLength(50)
    expect(statuses.filter((status) => status === 429)).toHaveLength(30)
    expect((await usageOf(tenant)).accepted).toBe(50)
  })

  it('has of a batch the first accepted and the others refused, each with when to come back', async () => {
    const tenant = await limited({ messages_per_month: 3 })
    const { reply, statuses } = await batch(
      tenant,
      [1, 2, 3, 4, 5].map((n) => event(n)),
    )
    expect(statuses).toEqual([202, 202, 202, 429, 429])
    expect(reply.body.results[4]).toMatchObject({ code: 'quota_exceeded', retry_after_s: expect.any(Number) })
  })

  it('may publish nothing when it is 0', async () => {
    expectProblem(await (await limited({ messages_per_month: 0 })).publish(), 429, 'quota_exceeded')
  })

  it('begins anew with the month, and keeps what was counted in the one before', async () => {
    const tenant = await limited({ messages_per_month: 1 })
    await tenant.published()
    expectProblem(await tenant.publish(), 429, 'quota_exceeded')
    const month = new Date().toISOString().slice(0, 7)
    skip(31 * DAY_MS)
    await tenant.published()
    expectProblem(await tenant.publish(), 429, 'quota_exceeded')
    expect(await usageOf(tenant, `?month=${month}`)).toMatchObject({ month, accepted: 1 })
    expect((await usageOf(tenant)).accepted).toBe(1)
  })

  it('forgets a month after 36 others', async () => {
    const tenant = await limited({ messages_per_month: 5 })
    await tenant.published()
    const month = new Date().toISOString().slice(0, 7)
    const countedThen = async () => (await usageOf(tenant, `?month=${month}`)).accepted
    skip(36 * 30 * DAY_MS)
    await tenant.published()
    expect(await countedThen()).toBe(1)
    skip(3 * 31 * DAY_MS)
    await tenant.published()
    expect(await countedThen()).toBeNull()
  })

  it('goes by the change of its quota at once', async () => {
    const tenant = await limited({ messages_per_month: 1 })
    await tenant.published()
    expectProblem(await tenant.publish(), 429, 'quota_exceeded')
    await tenant.call('PATCH', '', { body: { limits: { messages_per_month: 2 } } })
    await tenant.published()
    expectProblem(await tenant.publish(), 429, 'quota_exceeded')
    await tenant.call('PATCH', '', { body: { limits: { messages_per_month: null } } })
    await tenant.published()
  })

  it('keeps its count when its object ends', async () => {
    const tenant = await limited({ messages_per_month: 1 })
    await tenant.published()
    const crash = runInDurableObject(quotaOf(tenant), (_quota, state) => state.abort('a test crashed it'))
    await expect(crash).rejects.toThrow('a test crashed it')
    expectProblem(await tenant.publish(), 429, 'quota_exceeded')
  })
})

describe('a tenant with messages_per_second', () => {
  it('publishes that many at once, and so many more a second', async () => {
    const tenant = await limited({ messages_per_second: 5 })
    const { statuses, reply } = await batch(
      tenant,
      Array.from({ length: 8 }, (_, n) => event(n)),
    )
    expect(statuses).toEqual([202, 202, 202, 202, 202, 429, 429, 429])
    expect(reply.body.results[7]).toMatchObject({ code: 'rate_limited', retry_after_s: 1 })
    const refused = await tenant.publish()
    expectProblem(refused, 429, 'rate_limited')
    expect(refused.headers.get('retry-after')).toBe('1')
    skip(1000)
    expect(
      (
        await batch(
          tenant,
          Array.from({ length: 8 }, (_, n) => event(n)),
        )
      ).statuses.filter((s) => s === 202).length,
    ).toBe(5)
  })

  it('publishes more at once with messages_burst, after a pause', async () => {
    const tenant = await limited({ messages_per_second: 1, messages_burst: 10 })
    const publishTwelve = () =>
      batch(
        tenant,
        Array.from({ length: 12 }, (_, n) => event(n)),
      )
    expect((await publishTwelve()).statuses.filter((status) => status === 202)).toHaveLength(10)
    skip(60_000)
    expect((await publishTwelve()).statuses.filter((status) => status === 202)).toHaveLength(10)
  })
})

describe('is not counted', () => {
  it('a message that is refused', async () => {
    const tenant = await limited({ messages_per_month: 10, payload_bytes: 1024 })
    expectProblem(await tenant.publish({ data: 'x'.repeat(2000) }), 413, 'payload_too_large')
    expectProblem(await tenant.publish({}, { 'idempotency-key': 'a b' }), 400, 'invalid_idempotency_key')
    expect((await usageOf(tenant)).accepted).toBeNull()
  })

  it('a duplicate, which is answered as one when nothing is left, too', async () => {
    const tenant = await limited({ messages_per_month: 1 })
    await tenant.endpoint()
    const key = { 'idempotency-key': 'order-1' }
    const first = await tenant.publish({}, key)
    for (let n = 0; n < 3; n++) {
      const again = await tenant.publish({}, key)
      expect(again.status).toBe(202)
      expect(again.body).toMatchObject({ id: first.body.id, accepted_at: first.body.accepted_at, duplicate: true })
      expect(again.body.deliveries.map(({ id }: Json) => id)).toEqual(first.body.deliveries.map(({ id }: Json) => id))
    }
    expectProblem(await tenant.publish({ data: 'other' }, key), 409, 'idempotency_conflict')
    expectProblem(await tenant.publish({}, { 'idempotency-key': 'order-2' }), 429, 'quota_exceeded')
    await countsExactly(tenant, 1)
  })

  it('a duplicate that comes while something is left', async () => {
    const tenant = await limited({ messages_per_month: 10 })
    const key = { 'idempotency-key': 'order-1' }
    expect((await tenant.publish({}, key)).body.duplicate).toBe(false)
    expect((await tenant.publish({}, key)).body.duplicate).toBe(true)
    await countsExactly(tenant, 1)
  })

  it('a twin within its batch, whose message is one', async () => {
    const tenant = await limited({ messages_per_month: 2 })
    const [a, b] = [{ idempotency_key: 'a' }, { idempotency_key: 'b' }]
    const { statuses } = await batch(tenant, [event(1, a), event(1, a), event(2, a), event(3, b), event(4)])
    expect(statuses).toEqual([202, 202, 409, 202, 429])
    await countsExactly(tenant, 2)
  })

  it('of many publishes of one key that race, any but one', async () => {
    const tenant = await limited({ messages_per_month: 100 })
    await tenant.endpoint()
    await tenant.endpoint()
    const replies = await Promise.all(
      Array.from({ length: 12 }, () => tenant.publish({}, { 'idempotency-key': 'race' })),
    )
    expect(replies.filter(({ body }) => !body.duplicate)).toHaveLength(1)
    await countsExactly(tenant, 1)
  })

  it('a message that nobody has room for', async () => {
    const tenant = await limited({ messages_per_month: 10, unfinished_per_endpoint: 1 })
    const endpoint = await tenant.endpoint()
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    await tenant.published()
    expectProblem(await tenant.publish(), 429, 'endpoint_full')
    await countsExactly(tenant, 1)
  })

  it('a message that could not be placed; its repeat is', async () => {
    const tenant = await limited({ messages_per_month: 10 })
    const endpoint = await tenant.endpoint({ ordering: 'fifo' })
    const mend = breakEndpoint(endpoint.id)
    const refused = await tenant.publish()
    expectProblem(refused, 503, 'not_all_placed')
    await countsExactly(tenant, 0)
    mend()
    expect((await tenant.publish({}, { 'idempotency-key': refused.body.message_id })).status).toBe(202)
    expect((await usageOf(tenant)).accepted).toBe(1)
  })

  it.each([0, 1])('twice, a message of which a part was placed (%i), when it is repeated', async (broken) => {
    const tenant = await limited({ messages_per_month: 10 })
    const endpoints = [await tenant.endpoint({ ordering: 'fifo' }), await tenant.endpoint({ ordering: 'fifo' })]
    const mend = breakEndpoint(endpoints.map(({ id }) => id).toSorted()[broken] ?? '')
    const refused = await tenant.publish()
    expectProblem(refused, 503, 'not_all_placed')
    mend()
    const repeat = () => tenant.publish({}, { 'idempotency-key': refused.body.message_id })
    for (let n = 0; n < 3; n++) expect((await repeat()).status).toBe(202)
    await countsExactly(tenant, 1)
  })

  it('a message that nobody subscribed to and that could not be kept', async () => {
    const tenant = await limited({ messages_per_month: 10 })
    await tenant.published()
    const mend = breakDatabase((sql) => sql.startsWith('INSERT OR IGNORE INTO unmatched'))
    expectProblem(await tenant.publish(), 503, 'not_all_placed')
    mend()
    await countsExactly(tenant, 1)
  })

  it('what is sent again or for a test', async () => {
    const tenant = await limited({ messages_per_month: 1 })
    const endpoint = await tenant.endpoint()
    const message_id = await tenant.published()
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    expect((await tenant.call('POST', `/messages/${message_id}/replay`, { body: {} })).status).toBe(202)
    expect((await tenant.call('POST', `/endpoints/${endpoint.id}/test`, { body: {} })).status).toBeLessThan(300)
    expect((await usageOf(tenant)).accepted).toBe(1)
  })
})

describe('while the object does not answer', () => {
  it.each([
    ['fails', () => Promise.reject(new Error('down'))],
    ['hangs', () => new Promise<never>(() => {})],
  ])('because it %s, publishing goes on, and is reported to it later', async (_how, fail) => {
    const tenant = await limited({ messages_per_month: 1 })
    await tenant.published()
    const logged = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const mend = breakQuota(fail)
    const reply = await tenant.publish()
    expect(reply.status).toBe(202)
    expect(readField(reply, 'ratelimit-policy')).toMatchObject({ messages_per_month: { q: 1 } })
    expect(reply.headers.get('ratelimit')).toBeNull()
    expect(logged.mock.calls.join()).toContain('quota.unmetered')
    mend()
    await eventually('it to be reported', async () => (await usageOf(tenant)).accepted === 2)
    expect(await usageOf(tenant)).toMatchObject({ unmetered: 1, quotas: { messages_per_month: { remaining: 0 } } })
    expectProblem(await tenant.publish(), 429, 'quota_exceeded')
  })

  describe('and has heard all the same', () => {
    const taken = (id: string, count: number) => ({ id, count, quotas: { per_second: null, burst: 0, per_month: 5 } })
    const month = () => new Date(Date.now()).toISOString().slice(0, 7)

    it('a call that is repeated counts once', async () => {
      const tenant = await limited({ messages_per_month: 5 })
      const first = await quotaOf(tenant).take(taken('a', 2))
      expect(await quotaOf(tenant).take(taken('a', 2))).toEqual(first)
      const both = [taken('b', 1), taken('b', 1)].map((call) => quotaOf(tenant).take(call))
      expect((await Promise.all(both)).map(({ granted }) => granted)).toEqual([1, 1])
      expect(await usageOf(tenant)).toMatchObject({ accepted: 3, unmetered: 0 })
    })

    it('only what it did not count is added', async () => {
      const tenant = await limited({ messages_per_month: 5 })
      expect(await quotaOf(tenant).take(taken('a', 7))).toMatchObject({ granted: 5, refused_by: 'month' })
      const settlement = { id: 'a', month: month(), granted: null, accepted: 7 }
      // Told twice, because its answer may get lost too.
      for (let n = 0; n < 2; n++) await quotaOf(tenant).settle(settlement)
      expect(await usageOf(tenant)).toMatchObject({ accepted: 7, unmetered: 2 })
    })

    it('a call that comes after its report counts no more', async () => {
      const tenant = await limited({ messages_per_month: 5 })
      await quotaOf(tenant).settle({ id: 'a', month: month(), granted: null, accepted: 2 })
      expect(await quotaOf(tenant).take(taken('a', 2))).toMatchObject({ granted: 2, refused_by: null })
      expect(await usageOf(tenant)).toMatchObject({ accepted: 2, unmetered: 2 })
    })

    it('what is given back is given back once, and in its own month', async () => {
      const tenant = await limited({ messages_per_month: 5 })
      const { month } = await quotaOf(tenant).take(taken('a', 3))
      skip(31 * DAY_MS)
      await tenant.published()
      for (let n = 0; n < 2; n++) await quotaOf(tenant).settle({ id: 'a', month, granted: 3, accepted: 1 })
      expect((await usageOf(tenant, `?month=${month}`)).accepted).toBe(1)
      expect((await usageOf(tenant)).accepted).toBe(1)
    })
  })

  it('for good, the log has what is missing in its count', async () => {
    const tenant = await limited({ messages_per_month: 10 })
    await tenant.published()
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
    // Between the reports, 21 s together.
    const wait = scheduler.wait.bind(scheduler)
    vi.spyOn(scheduler, 'wait').mockImplementation((ms, options) => wait(ms >= 1000 ? 0 : ms, options))
    breakQuota()
    expect((await batch(tenant, [event(1), event(2)])).statuses).toEqual([202, 202])
    const lines = () => logged.mock.calls.map(([line]) => JSON.parse(String(line)))
    const line = await eventually('the line', () => lines().find(({ message }) => message === 'quota.unsettled'))
    expect(line).toMatchObject({
      tenant_id: tenant.id,
      month: new Date().toISOString().slice(0, 7),
      granted: null,
      accepted: 2,
    })
  })

  it('says so who asks for the usage', async () => {
    const tenant = await limited({ messages_per_month: 10 })
    breakQuota()
    expectProblem(await tenant.call('GET', '/usage'), 503, 'unavailable')
  })
})

describe('the answer to a publish', () => {
  it('says what the quotas are and what is left, in structured fields', async () => {
    const tenant = await limited({ messages_per_second: 100, messages_burst: 200, messages_per_month: 1000 })
    const reply = await tenant.publish()
    expect(readField(reply, 'ratelimit-policy')).toEqual({
      requests: { q: 100_000, w: 10 },
      messages_per_second: { q: 100, w: 1, 'postern-burst': 200 },
      messages_per_month: { q: 1000, w: expect.any(Number) },
    })
    expect([28, 29, 30, 31]).toContain(Number(readField(reply, 'ratelimit-policy').messages_per_month?.w) / 86_400)
    expect(readField(reply, 'ratelimit')).toEqual({
      messages_per_second: { r: 199, t: 1 },
      messages_per_month: { r: 999, t: expect.any(Number) },
    })
    const { reply: of_batch } = await batch(tenant, [event(1), event(2)])
    expect(readField(of_batch, 'ratelimit').messages_per_month).toMatchObject({ r: 997 })
  })

  it('points with Retry-After and RateLimit to the same time when it refuses', async () => {
    const tenant = await limited({ messages_per_month: 0 })
    const reply = await tenant.publish()
    const { r, t } = readField(reply, 'ratelimit').messages_per_month ?? {}
    expect([r, String(t)]).toEqual([0, reply.headers.get('retry-after')])
  })

  it('says nothing of quotas when there are none, and asks nobody', async () => {
    const tenant = await createTenant()
    await tenant.endpoint()
    const get = vi.spyOn(env.QUOTA, 'get')
    const reply = await tenant.publish()
    expect(get).not.toHaveBeenCalled()
    expect(reply.headers.get('ratelimit')).toBeNull()
    expect(Object.keys(readField(reply, 'ratelimit-policy'))).toEqual(['requests'])
  })
})

describe('what a quota costs', () => {
  /** Rows that the tenant's Quota writes from now on. */
  async function meterRows(tenant: TenantHandle): Promise<() => number> {
    const exec = await runInDurableObject(quotaOf(tenant), (_quota, { storage }) => vi.spyOn(storage.sql, 'exec'))
    const cursors = () =>
      exec.mock.results.map(({ value }) => value as SqlStorageCursor<Record<string, SqlStorageValue>>)
    return () => cursors().reduce((sum, cursor) => sum + cursor.rowsWritten, 0)
  }

  it.each([
    ['a message', async (tenant: TenantHandle) => void (await tenant.published())],
    ['a batch', async (tenant: TenantHandle) => void (await batch(tenant, [event(1), event(2), event(3)]))],
  ])('is a call and a row for %s', async (_what, publish) => {
    const tenant = await limited({ messages_per_month: 100, messages_per_second: 50 })
    await tenant.published()
    const rows = await meterRows(tenant)
    const get = vi.spyOn(env.QUOTA, 'get')
    await publish(tenant)
    expect(get).toHaveBeenCalledTimes(1)
    expect(rows()).toBe(1)
  })

  it('is no row for what is refused', async () => {
    const tenant = await limited({ messages_per_month: 1 })
    await tenant.published()
    const rows = await meterRows(tenant)
    await tenant.publish()
    expect(rows()).toBe(0)
  })

  it('is no alarm', async () => {
    const tenant = await limited({ messages_per_month: 1 })
    await tenant.published()
    expect(await runInDurableObject(quotaOf(tenant), (_quota, { storage }) => storage.getAlarm())).toBeNull()
  })
})

describe('the usage', () => {
  it('shows what was counted, the quotas, and when each is whole again', async () => {
    const tenant = await limited({ messages_per_second: 2, messages_burst: 4, messages_per_month: 10 })
    const before = Date.now()
    await batch(tenant, [event(1), event(2), event(3)])
    const usage = await usageOf(tenant)
    const now = new Date()
    const next_month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1)).toISOString()
    expect(usage).toEqual({
      month: now.toISOString().slice(0, 7),
      accepted: 3,
      unmetered: 0,
      metered_since: expect.any(String),
      quotas: {
        messages_per_second: { limit: 2, burst: 4, remaining: expect.any(Number), resets_at: expect.any(String) },
        messages_per_month: { limit: 10, remaining: 7, resets_at: next_month },
      },
    })
    expect(Date.parse(usage.metered_since)).toBeGreaterThanOrEqual(before)
  })

  it('of a tenant without quotas says that nothing is counted', async () => {
    const tenant = await createTenant()
    await tenant.published()
    expect(await usageOf(tenant)).toMatchObject({
      accepted: null,
      metered_since: null,
      quotas: { messages_per_second: null, messages_per_month: null },
    })
  })

  it.each(['2026-13', '2026-00', '2026-1', '1999-01', 'now', '2026-11-01'])(
    'of a month that is none is refused: %s',
    async (month) => {
      const reply = await (await createTenant()).call('GET', `/usage?month=${month}`)
      expectProblem(reply, 422, 'invalid_request')
      expect(blamed(reply)).toEqual(['month'])
    },
  )

  it.each([
    ['admin', 200],
    ['developer', 200],
    ['viewer', 200],
    ['publisher', 403],
    ['auditor', 403],
  ])('can be read by a key with the role %s: %i', async (role, status) => {
    const tenant = await createTenant()
    expect((await tenant.call('GET', '/usage', { key: await tenant.key(role) })).status).toBe(status)
  })
})

describe('a quota is refused', () => {
  it.each([
    ['none a second', { messages_per_second: 0 }, 'messages_per_second'],
    ['half a message', { messages_per_month: 1.5 }, 'messages_per_month'],
    ['less than none', { messages_per_month: -1 }, 'messages_per_month'],
    ['more than is ever counted', { messages_per_month: 1e13 }, 'messages_per_month'],
    ['text', { messages_per_second: '5' }, 'messages_per_second'],
    ['a burst of nothing', { messages_burst: 5 }, 'messages_burst'],
    ['a burst of no rate', { messages_burst: 5, messages_per_second: null }, 'messages_burst'],
  ])('that is %s', async (_what, limits, member) => {
    const tenant = await createTenant()
    const reply = await tenant.call('PATCH', '', { body: { limits } })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([`limits.${member}`])
  })
})

it('of a tenant with many lanes, a batch beyond the quota asks few of them whether it was there before', async () => {
  const tenant = await limited({ messages_per_month: 0 })
  for (let n = 0; n < 8; n++) await tenant.endpoint({ lanes: 16, max_in_flight: 16 })
  const asked = vi.spyOn(env.ENDPOINT, 'get')
  const messages = Array.from({ length: 20 }, (_, n) => event(n, { idempotency_key: `key-${n}` }))
  const { statuses } = await batch(tenant, messages)
  expect(new Set(statuses)).toEqual(new Set([429]))
  expect(asked.mock.calls.length).toBeGreaterThan(0)
  expect(asked.mock.calls.length).toBeLessThanOrEqual(256)
})
