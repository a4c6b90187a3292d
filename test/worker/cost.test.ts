/** The cost table of the design, counted: one message to one endpoint that succeeds at once. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it, type Mock, vi } from 'vitest'
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
import { createSource, send } from './sources.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const receivers = useReceivers()

/** Counts what an Endpoint writes from now on, as Cloudflare bills it: rows, and one for each alarm that is set. */
async function meterRows(endpoint_id: string): Promise<() => number> {
  const { exec, setAlarm } = await runInDurableObject(stubOf(endpoint_id), (_endpoint, { storage }) => ({
    exec: vi.spyOn(storage.sql, 'exec'),
    setAlarm: vi.spyOn(storage, 'setAlarm'),
  }))
  const cursors = () => exec.mock.results.map(({ value }) => value as SqlStorageCursor<Record<string, SqlStorageValue>>)
  return () => cursors().reduce((sum, cursor) => sum + cursor.rowsWritten, setAlarm.mock.calls.length)
}

interface Query {
  sql: string
  rows_written: number
  rows_read: number
}

/** Notes every statement that D1 is given from now on. */
function meterDatabase(): Query[] {
  const queries: Query[] = []
  const prepare = env.DB.prepare.bind(env.DB)
  vi.spyOn(env.DB, 'prepare').mockImplementation((sql) => observed(prepare(sql), sql, queries))
  return queries
}

function observed(statement: D1PreparedStatement, sql: string, queries: Query[]): D1PreparedStatement {
  const { bind, run, all, first, raw } = statement
  const metered = (execute: () => Promise<D1Result>) => async () => {
    const query = { sql, rows_written: 0, rows_read: 0 }
    queries.push(query)
    const result = await execute.call(statement)
    query.rows_written = result.meta.rows_written
    query.rows_read = result.meta.rows_read
    return result
  }
  const counted =
    <Args extends unknown[], Answer>(execute: (...args: Args) => Answer) =>
    (...args: Args): Answer => {
      queries.push({ sql, rows_written: 0, rows_read: 0 })
      return execute.apply(statement, args)
    }
  return Object.assign(statement, {
    bind: (...values: unknown[]) => observed(bind.apply(statement, values), sql, queries),
    run: metered(run),
    all: metered(all),
    first: counted(first as (...args: unknown[]) => unknown),
    raw: counted(raw as (...args: unknown[]) => unknown),
  })
}

const isFlush = ({ sql }: Query) => sql.startsWith('INSERT INTO deliveries')

/** Publishes, and waits until the read model has the delivery as it ended. */
async function deliver(tenant: TenantHandle, endpoint: Json): Promise<string> {
  const message_id = await tenant.published()
  await projected(tenant, message_id)
  expect((await tenant.delivery(message_id, endpoint.id)).state).toBe('succeeded')
  return message_id
}

function projected(tenant: TenantHandle, message_id: string): Promise<unknown> {
  return eventually('the read model to have it', () =>
    env.DB.prepare("SELECT 1 FROM deliveries WHERE tenant_id = ? AND message_id = ? AND state = 'succeeded'")
      .bind(tenant.id, message_id)
      .first(),
  )
}

async function tenantWithEndpoint(): Promise<{ tenant: TenantHandle; endpoint: Json }> {
  const tenant = await createTenant()
  return { tenant, endpoint: await tenant.endpoint() }
}

describe('one message to one endpoint that succeeds at once', () => {
  it('writes at most 3 rows in the Endpoint', async () => {
    const { tenant, endpoint } = await tenantWithEndpoint()
    const rows = await meterRows(endpoint.id)
    await deliver(tenant, endpoint)
    expect(rows(), 'the delivery, its end, and the alarm').toBe(3)
    await deliver(tenant, endpoint)
    expect(rows(), 'the alarm is set already').toBe(3 + 2)
  })

  it('shares the row that upkeep writes with all messages of a minute', async () => {
    const { tenant, endpoint } = await tenantWithEndpoint()
    const rows = await meterRows(endpoint.id)
    await deliver(tenant, endpoint)
    await deliver(tenant, endpoint)
    expect(await ringAlarm(endpoint.id)).toBe(true)
    expect(rows()).toBeLessThanOrEqual(2 * 3)
  })

  it('is one row of the read model', async () => {
    const { tenant, endpoint } = await tenantWithEndpoint()
    const queries = meterDatabase()
    await deliver(tenant, endpoint)
    const rows_written = queries.reduce((sum, query) => sum + query.rows_written, 0)
    expect(rows_written).toBe(1)
  })

  it('writes an entry of an index more in the Endpoint, and one in the read model, when it says whom it is about', async () => {
    const { tenant, endpoint } = await tenantWithEndpoint()
    // In the first minute of its life an Endpoint asks D1 whether that person was erased before.
    skip(2 * 60_000)
    const rows = await meterRows(endpoint.id)
    const queries = meterDatabase()
    const message_id = await tenant.published({ subject: 'cus_42' })
    await projected(tenant, message_id)
    expect(rows()).toBe(3 + 1)
    expect(queries.reduce((sum, query) => sum + query.rows_written, 0)).toBe(1 + 1)
    expect(queries.filter((query) => !isFlush(query) && !query.sql.startsWith('SELECT 1 '))).toHaveLength(1)
  })

  it('shares one statement of the read model with what else changed within a second', async () => {
    const { tenant } = await tenantWithEndpoint()
    const queries = meterDatabase()
    const message_ids = await Promise.all(Array.from({ length: 20 }, () => tenant.published()))
    await Promise.all(message_ids.map((message_id) => projected(tenant, message_id)))
    expect(queries.filter(isFlush)).toEqual([expect.objectContaining({ rows_written: 20 })])
  })

  it('asks D1 once while its tenant is cold, not at all once it is hot', async () => {
    const { tenant } = await tenantWithEndpoint()
    const queries = meterDatabase()
    const onThePath = () => queries.filter((query) => !isFlush(query)).map(({ sql }) => sql)
    await tenant.published()
    expect(onThePath()).toEqual([expect.stringContaining('tenants')])
    await tenant.published()
    expect(onThePath()).toHaveLength(1)
    skip(60_000)
    await tenant.published()
    expect(onThePath()).toHaveLength(2)
  })

  it('is one statement of D1 a minute more for the last use of its key, off its path', async () => {
    const { tenant } = await tenantWithEndpoint()
    const key = await tenant.key('publisher')
    const publish = () => tenant.call('POST', '/messages', { key, body: { type: 'invoice.paid', data: {} } })
    const queries = meterDatabase()
    const kinds = () => queries.filter((query) => !isFlush(query)).map(({ sql }) => sql.split(' ')[0])
    for (let i = 0; i < 10; i++) expect((await publish()).status).toBe(202)
    expect(kinds()).toEqual(['SELECT', 'UPDATE'])
    const note = await eventually('it to be written', () =>
      queries.find(({ rows_written, sql }) => sql.startsWith('UPDATE') && rows_written > 0),
    )
    expect(note).toMatchObject({ sql: expect.stringContaining('last_used_at'), rows_written: 1 })
  })

  it('asks D1 nothing more when its type has a schema, and others have too', async () => {
    const { tenant } = await tenantWithEndpoint()
    for (const name of ['invoice.paid', 'invoice.sent']) {
      const body = { name, schema: { required: ['amount'] } }
      expect((await tenant.call('POST', '/event-types', { body })).status).toBe(201)
    }
    const queries = meterDatabase()
    for (let i = 0; i < 3; i++) await tenant.published({ data: { amount: 1 } })
    expect(queries.filter((query) => !isFlush(query))).toHaveLength(1)
  })

  it('reads no row of a catalogue that only describes', async () => {
    const { tenant } = await tenantWithEndpoint()
    const queries = meterDatabase()
    const rowsRead = async () => {
      skip(60_000)
      queries.length = 0
      await tenant.published()
      return queries.filter((query) => !isFlush(query)).map(({ rows_read }) => rows_read)
    }
    const without = await rowsRead()
    for (let i = 0; i < 5; i++) await tenant.call('POST', '/event-types', { body: { name: `type.${i}` } })
    expect(await rowsRead()).toEqual(without)
    expect(without).toEqual([expect.any(Number)])
  })

  it('asks D1 nothing more when the Endpoint has to be started', async () => {
    const { tenant, endpoint } = await tenantWithEndpoint()
    await deliver(tenant, endpoint)
    await crash(endpoint.id)
    const queries = meterDatabase()
    await tenant.published()
    expect(queries.filter((query) => !isFlush(query)).length).toBeLessThanOrEqual(1)
  })

  it('is one request to the Endpoint, and no operation of any queue', async () => {
    const { tenant, endpoint } = await tenantWithEndpoint()
    const get = vi.spyOn(env.ENDPOINT, 'get')
    const sends: Mock[] = [env.FANOUT, env.RETRIES, env.RELEASES, env.DEAD_LETTERS].flatMap((queue) => [
      vi.spyOn(queue, 'send') as unknown as Mock,
      vi.spyOn(queue, 'sendBatch') as unknown as Mock,
    ])
    const message_id = await tenant.published()
    await projected(tenant, message_id)
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(1)
    expect(get).toHaveBeenCalledTimes(1)
    expect(sends.flatMap((send) => send.mock.calls)).toEqual([])
  })
})

describe('one event through a source to one endpoint', () => {
  it('is one request to the Endpoint, one query of D1 while its source is cold, and none once it is hot', async () => {
    const { tenant, endpoint } = await tenantWithEndpoint()
    const source = await createSource(tenant, 'stripe')
    const get = vi.spyOn(env.ENDPOINT, 'get')
    const quota = vi.spyOn(env.QUOTA, 'get')
    const sending = vi.spyOn(env.FANOUT, 'send')
    const queries = meterDatabase()
    const onThePath = () => queries.filter((query) => !isFlush(query)).map(({ sql }) => sql)
    const receive = async () => {
      const { status, body } = await send(source)
      expect(status).toBe(200)
      return body.message_id
    }
    const first = await receive()
    expect(onThePath()).toEqual([expect.stringContaining('sources')])
    const second = await receive()
    expect(onThePath()).toHaveLength(1)
    await Promise.all([projected(tenant, first), projected(tenant, second)])
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(2)
    expect(get).toHaveBeenCalledTimes(2)
    expect(quota).not.toHaveBeenCalled()
    expect(sending).not.toHaveBeenCalled()
  })

  it('writes as many rows as a message with an idempotency key', async () => {
    const { tenant, endpoint } = await tenantWithEndpoint()
    const source = await createSource(tenant, 'stripe')
    const rows = await meterRows(endpoint.id)
    const queries = meterDatabase()
    await projected(tenant, (await send(source)).body.message_id)
    expect(rows(), 'the delivery, its end, the alarm, and an entry of the index that finds it by its id').toBe(3 + 1)
    expect(queries.reduce((sum, query) => sum + query.rows_written, 0)).toBe(1 + 1)
  })
})

describe('an Endpoint while nothing happens', () => {
  it('has no alarm before its first message', async () => {
    const { endpoint } = await tenantWithEndpoint()
    expect(await alarmOf(endpoint.id)).toBeNull()
  })

  it.each(['succeeded', 'dead', 'cancelled'])('has no alarm but that of retention once all is %s', async (state) => {
    const { tenant, endpoint } = await tenantWithEndpoint()
    const retention_ms = (await tenant.call('GET', '')).body.retention_days * DAY_MS
    await tenant.call('PATCH', `/endpoints/${endpoint.id}`, { body: { retry_delays_s: state === 'dead' ? [] : [60] } })
    receivers.current.become(endpoint.url, state === 'succeeded' ? 200 : 500)
    const { id: message_id } = (await tenant.publish()).body
    if (state === 'cancelled') {
      await tenant.deliveryIn('waiting', message_id, endpoint.id)
      expect((await tenant.call('POST', `/deliveries/${message_id}.${endpoint.id}/cancel`)).status).toBe(200)
    }
    const { finished_at } = await tenant.deliveryIn(state, message_id, endpoint.id)
    // The read model is written with a second's delay; a first alarm may find it unfinished.
    await eventually('the alarm of retention', async () => {
      await ringAlarm(endpoint.id)
      return (await alarmOf(endpoint.id)) === Date.parse(finished_at) + 1 + retention_ms
    })
  })

  it('writes nothing when it is woken for nothing', async () => {
    const { tenant, endpoint } = await tenantWithEndpoint()
    await deliver(tenant, endpoint)
    await ringAlarm(endpoint.id)
    const rows = await meterRows(endpoint.id)
    await stubOf(endpoint.id).wake(1)
    await stubOf(endpoint.id).breaker()
    expect(rows()).toBe(0)
  })

  it('leaves nothing pending that would keep it in memory, and billed', { timeout: 30_000 }, async () => {
    const { tenant, endpoint } = await tenantWithEndpoint()
    await deliver(tenant, endpoint)
    const started_at = performance.now()
    // Waits until the object has nothing to wait for any more.
    await evictDurableObject(stubOf(endpoint.id))
    expect(performance.now() - started_at).toBeLessThan(endpoint.timeout_ms / 2)
  })
})
