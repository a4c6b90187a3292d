/** What a paused source takes is kept, and goes on its way when the source does: once, in order, whatever fails. */
import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createDeps } from '../../src/deps.ts'
import { matchSubscriptions } from '../../src/messages/match.ts'
import { type Draft, identify, type Message } from '../../src/messages/message.ts'
import { PARKED_MAX, parkMessage } from '../../src/messages/park.ts'
import { placeMessages } from '../../src/messages/place.ts'
import { findSourceAccess } from '../../src/sources/ingest-access.ts'
import { releaseParked } from '../../src/sources/release.ts'
import {
  breakDatabase,
  breakEndpoint,
  consumed,
  createTenant,
  eventually,
  type Json,
  runCron,
  skip,
  type TenantHandle,
  useReceivers,
} from './harness.ts'
import { insertSource } from './source-row.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const receivers = useReceivers()

let tenant: TenantHandle
let source: string

beforeEach(async () => {
  tenant = await createTenant()
  source = await insertSource(tenant.id, { paused_at: Date.now() })
})

afterEach(() => {
  vi.restoreAllMocks()
})

const deps = () => {
  const context = createExecutionContext()
  return createDeps(env, (work) => context.waitUntil(work))
}

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))

async function toMessage(event_id: string, more: Partial<Draft> & { text?: string } = {}): Promise<Message> {
  const { text = JSON.stringify({ id: event_id }), ...fields } = more
  const identified = await identify(
    tenant.id,
    {
      event_type: 'stripe.invoice.paid',
      content: { format: 'raw', content_type: 'application/json', bytes: new TextEncoder().encode(text) },
      headers: { 'stripe-signature': `t=1,v1=${event_id}` },
      channels: [],
      ordering_key: null,
      subject: null,
      idempotency_key: null,
      event: { source_id: source, event_id },
      ...fields,
    },
    Date.now(),
    random,
  )
  if (!identified.ok) throw new Error(identified.error)
  return identified.value
}

/** Parks an event of this id, and gives its message. */
async function park(event_id: string, more: Parameters<typeof toMessage>[1] = {}): Promise<Message> {
  const message = await toMessage(event_id, more)
  expect(await parkMessage(env, message, source)).toMatchObject({ kind: 'accepted', is_duplicate: false })
  return message
}

async function parkAll(count: number): Promise<string[]> {
  const ids: string[] = []
  const now = Date.now()
  for (let i = 0; i < count; i++) {
    const message = { ...(await toMessage(`evt_${i}`)), accepted_at: now + i }
    await parkMessage(env, message, source)
    ids.push(message.id)
  }
  return ids
}

const pause = (is_paused: boolean) =>
  env.DB.prepare('UPDATE sources SET paused_at = ? WHERE id = ?')
    .bind(is_paused ? Date.now() : null, source)
    .run()

const released = (body: Json = {}) => consumed('releases', [{ v: 1, tenant_id: tenant.id, source_id: source, ...body }])

/** Goes on, with what is sent on done too. */
async function goOn(): Promise<void> {
  await pause(false)
  expect(await released()).toEqual(['acked'])
}

async function rows(): Promise<{ id: string; parked_by: string | null }[]> {
  const sql = 'SELECT id, parked_by, expired_at FROM unmatched_messages WHERE tenant_id = ? ORDER BY accepted_at, id'
  return (await env.DB.prepare(sql).bind(tenant.id).all<{ id: string; parked_by: string | null }>()).results
}

const arrivals = (endpoint: Json) => receivers.current.arrivals(endpoint.url)
const arrived = (endpoint: Json, count: number) =>
  eventually(`${count} to arrive`, () => arrivals(endpoint).length >= count && arrivals(endpoint))

const idsOf = (endpoint: Json) => arrivals(endpoint).map(({ headers }) => headers.get('webhook-id'))

function quietly(): void {
  for (const level of ['warn', 'error'] as const) vi.spyOn(console, level).mockImplementation(() => {})
}

describe('what a paused source takes', () => {
  it('reaches nobody, is listed, and can be looked at', async () => {
    const endpoint = await tenant.endpoint()
    const { id } = await park('evt_1')
    expect((await tenant.call('GET', '/messages')).body.data).toMatchObject([{ id, deliveries: 0 }])
    expect((await tenant.call('GET', `/messages/${id}`)).body).toMatchObject({ id, type: 'stripe.invoice.paid' })
    await released()
    expect(arrivals(endpoint)).toEqual([])
    expect(await rows()).toMatchObject([{ id, parked_by: source }])
  })

  it('is a duplicate when it comes again, even with another body', async () => {
    const { accepted_at } = await park('evt_1')
    const again = await toMessage('evt_1', { text: 'written another way' })
    expect(await parkMessage(env, again, source)).toMatchObject({ kind: 'accepted', accepted_at, is_duplicate: true })
    expect(await rows()).toHaveLength(1)
  })

  it('is one message, however many of its repeats come together', async () => {
    const message = await toMessage('evt_1')
    const placed = await Promise.all(Array.from({ length: 20 }, () => parkMessage(env, message, source)))
    expect(placed.filter((one) => one.kind === 'accepted' && !one.is_duplicate)).toHaveLength(1)
    expect(await rows()).toHaveLength(1)
  })

  it('has an end: beyond it an event is refused, and a repeat is a duplicate still', async () => {
    quietly()
    const first = await toMessage('evt_1')
    await parkMessage(env, first, await insertSource(tenant.id))
    const sql = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?4)
      INSERT INTO unmatched_messages (tenant_id, accepted_at, id, event_type, content_type, format, channels, fingerprint,
        size_bytes, parked_by) SELECT ?1, ?3 + i, 'msg_0' || i, 'a', 'a', 'raw', '[]', '', 0, ?2 FROM n`
    await env.DB.prepare(sql).bind(tenant.id, source, Date.now(), PARKED_MAX).run()
    const refused = await parkMessage(env, await toMessage('evt_2'), source)
    expect(refused).toEqual({ kind: 'not_all_placed', missing: [], is_known: false })
    expect(await parkMessage(env, first, source)).toMatchObject({ kind: 'accepted', is_duplicate: true })
    await env.DB.prepare('DELETE FROM unmatched_messages WHERE tenant_id = ? AND id < ?').bind(tenant.id, 'msg_1').run()
    skip(61_000)
    expect(await parkMessage(env, await toMessage('evt_2'), source)).toMatchObject({ kind: 'accepted' })
  })
})

describe('when the source goes on', () => {
  it('all that it has parked is delivered, byte for byte, with the headers of the provider', async () => {
    const endpoint = await tenant.endpoint()
    const { id } = await park('evt_1', { text: '{"id":"evt_1",  "größe": 1.50}' })
    await goOn()
    const [arrival] = await arrived(endpoint, 1)
    expect(arrival?.body).toBe('{"id":"evt_1",  "größe": 1.50}')
    expect(arrival?.headers.get('stripe-signature')).toBe('t=1,v1=evt_1')
    expect(arrival?.headers.get('webhook-id')).toBe(id)
    expect(await rows()).toEqual([])
    const { body } = await tenant.call('GET', `/messages/${id}/deliveries`)
    expect(body.data).toMatchObject([{ endpoint_id: endpoint.id }])
  })

  it('it does so by itself, as soon as somebody asks for it', async () => {
    const endpoint = await tenant.endpoint()
    await park('evt_1')
    await pause(false)
    await releaseParked(deps(), tenant.id, source)
    await arrived(endpoint, 1)
    await eventually('nothing to be parked', async () => (await rows()).length === 0)
  })

  it.each([
    ['changed', () => tenant.call('PATCH', `/sources/${source}`, { body: { paused: false } })],
    ['deleted', () => tenant.call('DELETE', `/sources/${source}`)],
  ])('it does so when it is %s through the API', async (_how, ask) => {
    const endpoint = await tenant.endpoint()
    await park('evt_1')
    expect((await ask()).status).toBeLessThan(300)
    await arrived(endpoint, 1)
    await eventually('nothing to be parked', async () => (await rows()).length === 0)
  })

  it('goes oldest first, page after page, to an endpoint that wants it in order', async () => {
    const endpoint = await tenant.endpoint({ ordering: 'fifo' })
    const ids = await parkAll(45)
    await goOn()
    await arrived(endpoint, 45)
    expect(idsOf(endpoint)).toEqual(ids)
    expect(await rows()).toEqual([])
  })

  it('goes to those that want it now: by type, channel and filter', async () => {
    const [all, other, filtered, channelled] = [
      await tenant.endpoint(),
      await tenant.endpoint({ event_types: ['github.*'] }),
      await tenant.endpoint({ filter: 'data.amount > 10 and headers.`stripe-signature` != ""' }),
      await tenant.endpoint({ channels: ['eu'] }),
    ]
    await park('evt_1', { text: '{"amount": 5}', channels: ['us'] })
    await park('evt_2', { text: '{"amount": 50}', channels: ['eu'] })
    await goOn()
    await arrived(all, 2)
    await arrived(filtered, 1)
    await arrived(channelled, 1)
    expect(arrivals(other)).toEqual([])
    expect(arrivals(filtered).map(({ body }) => body)).toEqual(['{"amount": 50}'])
    expect(arrivals(channelled).map(({ body }) => body)).toEqual(['{"amount": 50}'])
  })

  it('what nobody wants is a message without a subscriber from then on', async () => {
    const { id } = await park('evt_1')
    await goOn()
    expect(await rows()).toMatchObject([{ id, parked_by: null }])
    const endpoint = await tenant.endpoint()
    expect(
      (await tenant.call('POST', `/messages/${id}/replay`, { body: { endpoint_ids: [endpoint.id] } })).status,
    ).toBe(202)
    await arrived(endpoint, 1)
  })

  it('a large payload is read from R2 and delivered', async () => {
    const endpoint = await tenant.endpoint()
    const text = JSON.stringify({ id: 'evt_1', filler: 'x'.repeat(300_000) })
    await park('evt_1', { text })
    await park('evt_2')
    await goOn()
    await arrived(endpoint, 2)
    expect(
      arrivals(endpoint)
        .map(({ body }) => body.length)
        .toSorted((a, b) => b - a)[0],
    ).toBe(text.length)
    expect(await rows()).toEqual([])
  })

  it('one whose payload is lost keeps nobody else waiting', async () => {
    quietly()
    const endpoint = await tenant.endpoint()
    const { id } = await park('evt_1', { text: 'x'.repeat(300_000) })
    const { objects } = await env.PAYLOADS.list({ prefix: `${tenant.id}/${id}/` })
    await env.PAYLOADS.delete(objects.map(({ key }) => key))
    await park('evt_2')
    await goOn()
    await arrived(endpoint, 1)
    expect(await rows()).toMatchObject([{ id, parked_by: null }])
  })

  it('a retry of the provider that came in between is delivered once', async () => {
    const endpoint = await tenant.endpoint()
    const message = await park('evt_1')
    // As its provider's retry does when the source has just gone on.
    const access = await findSourceAccess(deps(), source)
    const matchable = { ...message, data: null, unreadable: null }
    const targets = await matchSubscriptions(access?.subscriptions ?? [], matchable)
    expect(targets).toHaveLength(1)
    expect(await placeMessages(deps(), [{ message, targets }])).toMatchObject([{ kind: 'accepted' }])
    await goOn()
    await arrived(endpoint, 1)
    await scheduler.wait(100)
    expect(arrivals(endpoint)).toHaveLength(1)
    expect(await rows()).toEqual([])
  })

  it('stops when it is paused again', async () => {
    const endpoint = await tenant.endpoint()
    await park('evt_1')
    await pause(false)
    await pause(true)
    expect(await released()).toEqual(['acked'])
    expect(arrivals(endpoint)).toEqual([])
    expect(await rows()).toHaveLength(1)
  })
})

describe('whatever fails while it goes on', () => {
  it('two at once, and one more, deliver each message once', async () => {
    const endpoint = await tenant.endpoint()
    await parkAll(30)
    await pause(false)
    await Promise.all([released(), released(), released()])
    await released()
    await arrived(endpoint, 30)
    await scheduler.wait(200)
    expect(new Set(idsOf(endpoint)).size).toBe(30)
    expect(arrivals(endpoint)).toHaveLength(30)
    expect(await rows()).toEqual([])
  })

  it('an Endpoint that does not answer gets it later, and nobody gets it twice', async () => {
    quietly()
    const [broken, sound] = [await tenant.endpoint(), await tenant.endpoint()]
    await parkAll(5)
    await pause(false)
    const mend = breakEndpoint(broken.id)
    const refuse = vi.spyOn(env.FANOUT, 'send').mockRejectedValue(new Error('Queue send failed: Internal Server Error'))
    expect(await released()).toEqual([{ again_after_s: 2 }])
    expect(await rows()).toHaveLength(5)
    mend()
    refuse.mockRestore()
    expect(await released()).toEqual(['acked'])
    await arrived(broken, 5)
    await arrived(sound, 5)
    await scheduler.wait(200)
    for (const endpoint of [broken, sound]) expect(arrivals(endpoint)).toHaveLength(5)
    expect(await rows()).toEqual([])
  })

  it('to an ordered endpoint nothing overtakes what could not be placed', async () => {
    quietly()
    const endpoint = await tenant.endpoint({ ordering: 'fifo' })
    const ids = await parkAll(6)
    await pause(false)
    const get = env.ENDPOINT.get.bind(env.ENDPOINT)
    let calls = 0
    const refuse = () => Promise.reject(new Error('the object does not answer'))
    // Not for the first three, and then not for three others.
    const broken = vi
      .spyOn(env.ENDPOINT, 'get')
      .mockImplementation((id) => (++calls > 3 ? (new Proxy({}, { get: () => refuse }) as never) : get(id)))
    expect(await released()).toEqual([{ again_after_s: 2 }])
    broken.mockRestore()
    expect((await rows()).map(({ id }) => id)).toEqual(ids.slice(3))
    expect(await released()).toEqual(['acked'])
    await arrived(endpoint, 6)
    expect(idsOf(endpoint)).toEqual(ids)
  })

  it.each([
    ['before they are read', 'INDEXED BY unmatched_messages_parked'],
    ['when they are handed on already', 'DELETE FROM unmatched_messages'],
  ])('D1, %s: they are delivered once all the same', async (_when, words) => {
    quietly()
    const endpoint = await tenant.endpoint()
    await parkAll(3)
    await pause(false)
    const mend = breakDatabase((sql) => sql.includes(words))
    const batch = env.DB.batch.bind(env.DB)
    const refuse = vi
      .spyOn(env.DB, 'batch')
      .mockImplementation(((statements: D1PreparedStatement[]) =>
        words.startsWith('DELETE')
          ? Promise.reject(new Error('D1_ERROR: Network connection lost.'))
          : batch(statements)) as never)
    expect(await released()).toEqual([{ again_after_s: 2 }])
    expect(await rows()).toHaveLength(3)
    mend()
    refuse.mockRestore()
    expect(await released()).toEqual(['acked'])
    await arrived(endpoint, 3)
    await scheduler.wait(100)
    expect(arrivals(endpoint)).toHaveLength(3)
    expect(await rows()).toEqual([])
  })

  it('R2: it is tried again', async () => {
    quietly()
    const endpoint = await tenant.endpoint()
    await park('evt_1', { text: 'x'.repeat(300_000) })
    await pause(false)
    const refuse = vi.spyOn(env.PAYLOADS, 'get').mockRejectedValue(new Error('get: Internal Error (10001)'))
    expect(await released()).toEqual([{ again_after_s: 2 }])
    refuse.mockRestore()
    expect(await released()).toEqual(['acked'])
    await arrived(endpoint, 1)
  })

  it('a full endpoint keeps no other waiting, and gets what is left for it by the cron', async () => {
    tenant = await createTenant({ limits: { unfinished_per_endpoint: 3 } })
    source = await insertSource(tenant.id, { paused_at: Date.now() })
    const full = await tenant.endpoint()
    const open = await tenant.endpoint({ event_types: ['stripe.*'] })
    const letGo = receivers.current.hold(full.url)
    for (let i = 0; i < 2; i++) await tenant.published()
    await parkAll(3)
    await goOn()
    await arrived(open, 3)
    expect(await rows()).toHaveLength(2)
    letGo()
    await arrived(full, 3)
    await eventually('the endpoint to have room', async () => {
      const { body } = await tenant.call('GET', `/deliveries?endpoint_id=${full.id}`)
      return body.data.every(({ state }: Json) => state === 'succeeded')
    })
    await runCron('sources.release')
    await arrived(full, 5)
    await eventually('nothing to be parked', async () => (await rows()).length === 0)
    expect(arrivals(open)).toHaveLength(3)
  })

  it('a queue that takes nothing: the cron begins again, for this source and not for one that is paused', async () => {
    quietly()
    const endpoint = await tenant.endpoint()
    await park('evt_1')
    const paused = await insertSource(tenant.id, { paused_at: Date.now() })
    await parkMessage(env, await toMessage('evt_2', { event: { source_id: paused, event_id: 'evt_2' } }), paused)
    await pause(false)
    const refuse = vi.spyOn(env.RELEASES, 'sendBatch').mockRejectedValue(new Error('Queue send failed: Internal'))
    await expect(releaseParked(deps(), tenant.id, source)).resolves.toBeUndefined()
    refuse.mockRestore()
    await runCron('sources.release')
    await arrived(endpoint, 1)
    await eventually('one to be left', async () => (await rows()).length === 1)
    expect((await rows())[0]?.parked_by).toBe(paused)
  })

  it('a source that is deleted: what it had accepted is delivered', async () => {
    const endpoint = await tenant.endpoint()
    await park('evt_1')
    await env.DB.prepare('DELETE FROM sources WHERE id = ?').bind(source).run()
    await runCron('sources.release')
    await arrived(endpoint, 1)
    await eventually('nothing to be parked', async () => (await rows()).length === 0)
  })

  it('and at once when that is by the API, without waiting for the cron', async () => {
    const endpoint = await tenant.endpoint()
    await park('evt_1')
    expect((await tenant.call('DELETE', `/sources/${source}`)).status).toBe(204)
    await arrived(endpoint, 1)
    await eventually('nothing to be parked', async () => (await rows()).length === 0)
  })

  it('the cron finds every source of every tenant, each once', async () => {
    const all: string[] = []
    for (let i = 0; i < 3; i++) {
      tenant = await createTenant()
      for (let j = 0; j < 2; j++) {
        source = await insertSource(tenant.id)
        all.push(source)
        await parkAll(3)
      }
    }
    const sends = vi.spyOn(env.RELEASES, 'sendBatch').mockResolvedValue(undefined as never)
    await runCron('sources.release')
    const sent = sends.mock.calls.flatMap(([batch]) => [...batch].map(({ body }) => body.source_id))
    expect(all.filter((id) => sent.filter((one) => one === id).length !== 1)).toEqual([])
  })

  it('more than one invocation may do: the next goes on from its place', async () => {
    const endpoint = await tenant.endpoint()
    const ids = await parkAll(30)
    await pause(false)
    // The time of an invocation is over after its first page.
    let looks = 0
    const now = Date.now()
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now + (looks++ > 6 ? 60_000 : 0))
    const send = vi.spyOn(env.RELEASES, 'send').mockResolvedValue(undefined as never)
    expect(await released()).toEqual(['acked'])
    clock.mockRestore()
    expect(send).toHaveBeenCalledTimes(1)
    const [next] = send.mock.calls[0] ?? []
    expect(next).toMatchObject({ v: 1, tenant_id: tenant.id, source_id: source, after: [expect.any(Number), ids[19]] })
    expect(await released(next)).toEqual(['acked'])
    await arrived(endpoint, 30)
    expect(await rows()).toEqual([])
  })
})

describe('while it is parked', () => {
  it('no retention takes it, and the one of its tenant takes it once it is nobody’s', async () => {
    tenant = await createTenant({ retention_days: 2 })
    source = await insertSource(tenant.id, { paused_at: Date.now() })
    await tenant.call('POST', '/event-types', { body: { name: 'stripe.invoice.paid', retention_days: 1 } })
    const { id } = await park('evt_1')
    skip(10 * DAY_MS)
    await env.DB.prepare('DELETE FROM upkeep').run()
    await runCron('retention.content')
    await runCron('retention.rows')
    expect(await rows()).toMatchObject([{ id, parked_by: source, expired_at: null }])
    await goOn()
    await runCron('retention.rows')
    expect(await rows()).toEqual([])
  })

  it('and then wanted by nobody, its content goes by the retention of its type', async () => {
    await tenant.call('POST', '/event-types', { body: { name: 'stripe.invoice.paid', retention_days: 1 } })
    const { id } = await park('evt_1')
    skip(10 * DAY_MS)
    await env.DB.prepare('DELETE FROM upkeep').run()
    await runCron('retention.content')
    await goOn()
    await runCron('retention.content')
    expect(await rows()).toMatchObject([{ id, parked_by: null, expired_at: expect.any(Number) }])
  })

  it('is delivered by then, however long ago its tenant would have forgotten it', async () => {
    tenant = await createTenant({ retention_days: 2 })
    source = await insertSource(tenant.id, { paused_at: Date.now() })
    const endpoint = await tenant.endpoint()
    await park('evt_1')
    skip(10 * DAY_MS)
    await env.DB.prepare('DELETE FROM upkeep').run()
    await runCron('retention.rows')
    await goOn()
    await arrived(endpoint, 1)
  })

  it('it is erased with its subject, and nobody gets it', async () => {
    const endpoint = await tenant.endpoint()
    const { id } = await park('evt_1', { subject: 'somebody@example.com' })
    await park('evt_2')
    const asked = await tenant.call('POST', '/erasures', { body: { subject: 'somebody@example.com' } })
    expect(asked.status, JSON.stringify(asked.body)).toBe(202)
    await eventually('it to be erased', async () => {
      const sql = 'SELECT payload, headers, parked_by, erased_at FROM unmatched_messages WHERE tenant_id = ? AND id = ?'
      const row = await env.DB.prepare(sql).bind(tenant.id, id).first<Json>()
      return row.erased_at !== null && row.payload === null && row.headers === '{}' && row.parked_by === null
    })
    await goOn()
    await arrived(endpoint, 1)
    expect(arrivals(endpoint).map(({ body }) => body)).toEqual(['{"id":"evt_2"}'])
    expect(await rows()).toMatchObject([{ id, parked_by: null }])
  })

  it('it goes with its tenant', async () => {
    await park('evt_1')
    await tenant.call('DELETE', '?endpoints=delete')
    await eventually('it to be gone', async () => (await rows()).length === 0)
    expect(await released()).toEqual(['acked'])
  })
})

describe('a release that cannot be read', () => {
  it('is the operator’s to look at', async () => {
    quietly()
    expect(await consumed('releases', [{ v: 9, tenant_id: tenant.id, source_id: source }])).toEqual(['acked'])
    const sql = "SELECT queue FROM dead_letters WHERE tenant_id = ? AND cause = 'internal'"
    expect((await env.DB.prepare(sql).bind(tenant.id).all()).results).toEqual([{ queue: 'releases' }])
  })
})

describe('of what is parked', () => {
  /** How SQLite would run the statements that begin like that. */
  async function planOf(begins: RegExp, doing: () => Promise<unknown>): Promise<string[]> {
    const prepare = env.DB.prepare.bind(env.DB)
    const seen = new Set<string>()
    const spied = vi.spyOn(env.DB, 'prepare').mockImplementation((sql) => {
      if (begins.test(sql)) seen.add(sql)
      return prepare(sql)
    })
    await doing()
    spied.mockRestore()
    expect(seen.size).toBeGreaterThan(0)
    const plans: string[] = []
    for (const sql of seen) {
      const count = Math.max(...[...sql.matchAll(/\?(\d+)/g)].map(([, nth]) => Number(nth)))
      const explained = prepare(`EXPLAIN QUERY PLAN ${sql}`).bind(...Array(count).fill('{}'))
      const { results } = await explained.all<{ detail: string }>()
      plans.push(...results.map(({ detail }) => detail))
    }
    return plans.filter((detail) => detail.includes('unmatched') && !detail.includes('VIRTUAL'))
  }

  const PARKED = 'unmatched_messages_parked'

  it.each([
    {
      what: 'reading a page',
      begins: /ORDER BY accepted_at, id LIMIT/,
      doing: () => goOn(),
      plan: [`INDEX ${PARKED} (tenant_id=? AND parked_by=? AND (accepted_at,id)>(?,?))`],
    },
    {
      what: 'finding sources',
      begins: /WITH RECURSIVE parking/,
      doing: () => runCron('sources.release'),
      plan: [
        `COVERING INDEX ${PARKED} (tenant_id=? AND parked_by>?)`,
        `COVERING INDEX ${PARKED} (tenant_id>?)`,
        `COVERING INDEX ${PARKED} (tenant_id=? AND parked_by>?)`,
      ],
    },
    {
      what: 'handing on',
      begins: /^DELETE FROM unmatched_messages.*parked_by/s,
      doing: () => goOn(),
      plan: ['PRIMARY KEY (tenant_id=? AND accepted_at=? AND id=?)'],
    },
    {
      what: 'retention',
      begins: /^DELETE FROM unmatched_messages WHERE.*LIMIT/s,
      doing: () => runCron('retention.rows'),
      plan: [
        'PRIMARY KEY (tenant_id=? AND accepted_at=? AND id=?)',
        'PRIMARY KEY (tenant_id=? AND accepted_at<?)',
        // Once, and short where nothing is parked.
        `COVERING INDEX ${PARKED} (tenant_id=? AND parked_by>?)`,
      ],
    },
  ])('$what walks through no more than it has to', async ({ begins, doing, plan }) => {
    await tenant.endpoint()
    await env.DB.prepare('DELETE FROM upkeep').run()
    await park('evt_1')
    const other = await createTenant({ retention_days: 1 })
    await other.published()
    skip(3 * DAY_MS)
    expect(await planOf(begins, doing)).toEqual(plan.map((search) => `SEARCH unmatched_messages USING ${search}`))
  })
})
