/** One trace from whoever publishes to whoever receives, and in what the log says in between. */

import { env } from 'cloudflare:workers'
import { parseTraceParent } from '@opentelemetry/core'
import { describe, expect, it, vi } from 'vitest'
import type { FanoutMessage } from '../../src/queues/messages.ts'
import {
  type Arrival,
  breakEndpoint,
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
import { createSource, send } from './sources.ts'

const receivers = useReceivers()

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const CALLER = '00f067aa0ba902b7'
const traced = { traceparent: `00-${TRACE_ID}-${CALLER}-01`, tracestate: 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE' }

function readTrace(traceparent: string | null | undefined) {
  const read = parseTraceParent(traceparent ?? '')
  if (read === null) throw new Error(`${traceparent} is no traceparent`)
  return read
}

const traceOf = ({ headers }: Pick<Arrival, 'headers'>) => readTrace(headers.get('traceparent'))

function arrivals(endpoint: Json, count: number): Promise<Arrival[]> {
  return eventually(`${count} arrivals`, () => {
    const arrived = receivers.current.arrivals(endpoint.url)
    return arrived.length >= count && arrived
  })
}

async function arrival(endpoint: Json): Promise<Arrival> {
  const [first] = await arrivals(endpoint, 1)
  if (first === undefined) throw new Error('one has arrived')
  return first
}

/** Lines of this name, from now on. */
function watch(message: string, level: 'warn' | 'error'): () => Json[] {
  const spied = vi.spyOn(console, level).mockImplementation(() => {})
  return () => spied.mock.calls.map(([line]) => JSON.parse(String(line))).filter((line) => line.message === message)
}

async function publishIn(tenant: TenantHandle, headers: Record<string, string>): Promise<{ id: string; reply: Json }> {
  const reply = await tenant.publish({}, headers)
  expect(reply.status, JSON.stringify(reply.body)).toBe(202)
  return { id: reply.body.id, reply }
}

describe('a trace goes from the publisher to the receiver', () => {
  it('of a publish, with its tracestate, in a span that is neither the caller’s nor that of the publish', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const { reply } = await publishIn(tenant, traced)
    const publish = readTrace(reply.headers.get('traceparent'))
    const { headers } = await arrival(endpoint)
    const attempt = traceOf({ headers })
    expect([publish.traceId, attempt.traceId]).toEqual([TRACE_ID, TRACE_ID])
    expect(attempt.traceFlags).toBe(1)
    expect(new Set([CALLER, publish.spanId, attempt.spanId]).size).toBe(3)
    expect(headers.get('tracestate')).toBe(traced.tracestate)
  })

  it('of every message of a batch', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const messages = [1, 2, 3].map((data) => ({ type: 'invoice.paid', data }))
    const { headers } = await tenant.call('POST', '/messages/batch', { body: { messages }, headers: traced })
    expect(readTrace(headers.get('traceparent')).traceId).toBe(TRACE_ID)
    const seen = (await arrivals(endpoint, 3)).map(traceOf)
    expect(seen.map(({ traceId }) => traceId)).toEqual([TRACE_ID, TRACE_ID, TRACE_ID])
    expect(new Set(seen.map(({ spanId }) => spanId)).size).toBe(3)
  })

  it('of an event that a source takes', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const { status, headers } = await send(await createSource(tenant, 'github'), { headers: traced })
    expect(status).toBe(200)
    expect(readTrace(headers.get('traceparent')).traceId).toBe(TRACE_ID)
    const arrived = await arrival(endpoint)
    expect(traceOf(arrived).traceId).toBe(TRACE_ID)
    expect(arrived.headers.get('tracestate')).toBe(traced.tracestate)
  })

  it('of an event that waited until its source was no longer paused', async () => {
    const tenant = await createTenant()
    const source = await createSource(tenant, 'github')
    const endpoint = await tenant.endpoint()
    await tenant.call('PATCH', `/sources/${source.id}`, { body: { paused: true } })
    await eventually('the pause', async () => {
      await send(source, { headers: traced })
      return (await tenant.call('GET', '/messages')).body.data.length > 0
    })
    await tenant.call('PATCH', `/sources/${source.id}`, { body: { paused: false } })
    skip(60 * 60_000)
    await runCron('sources.release')
    expect(traceOf(await arrival(endpoint)).traceId).toBe(TRACE_ID)
  })

  it('of a test of an endpoint', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await tenant.call('POST', `/endpoints/${endpoint.id}/test`, { body: {}, headers: traced })
    expect(traceOf(await arrival(endpoint)).traceId).toBe(TRACE_ID)
  })

  it('through the fan-out queue', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const sent = vi.spyOn(env.FANOUT, 'send').mockResolvedValue(undefined as never)
    const mend = breakEndpoint(endpoint.id)
    await publishIn(tenant, traced)
    mend()
    const queued = sent.mock.calls.map(([body]) => body as FanoutMessage)
    expect(queued).toHaveLength(1)
    expect(await consumed('fanout', queued)).toEqual(['acked'])
    const arrived = await arrival(endpoint)
    expect(traceOf(arrived).traceId).toBe(TRACE_ID)
    expect(arrived.headers.get('tracestate')).toBe(traced.tracestate)
  })
})

describe('where the caller has no trace, one begins', () => {
  it.each([
    ['none is given', {}],
    ['it is malformed, and its tracestate goes with it', { traceparent: `00-${TRACE_ID}-1-01`, tracestate: 'a=1' }],
    ['it is of zeros', { traceparent: `00-${'0'.repeat(32)}-${CALLER}-01`, tracestate: 'a=1' }],
  ])('because %s', async (_why, headers) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const { reply } = await publishIn(tenant, headers)
    const begun = readTrace(reply.headers.get('traceparent'))
    expect(begun.traceId).not.toBe(TRACE_ID)
    const arrived = await arrival(endpoint)
    expect(traceOf(arrived).traceId).toBe(begun.traceId)
    expect(arrived.headers.get('tracestate')).toBeNull()
  })
})

describe('every attempt is a span of the same trace', () => {
  it('when it is a retry or a replay; and its record shows which', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [1] })
    receivers.current.become(endpoint.url, 500)
    const { id } = await publishIn(tenant, traced)
    await tenant.deliveryIn('waiting', id, endpoint.id)
    receivers.current.become(endpoint.url, 200)
    await tenant.call('POST', `/deliveries/${id}.${endpoint.id}/retry`)
    await tenant.deliveryIn('succeeded', id, endpoint.id)
    // In a request with a trace of its own, which is not the message's.
    await tenant.call('POST', `/messages/${id}/replay`, {
      headers: { traceparent: `00-${'a'.repeat(32)}-${CALLER}-01` },
    })
    const seen = (await arrivals(endpoint, 3)).map(traceOf)
    expect(seen.map(({ traceId }) => traceId)).toEqual([TRACE_ID, TRACE_ID, TRACE_ID])
    expect(new Set(seen.map(({ spanId }) => spanId)).size).toBe(3)

    const records = await eventually('the third record', async () => {
      const { data } = (await tenant.call('GET', `/deliveries/${id}.${endpoint.id}/attempts`)).body
      return data.length === 3 && data
    })
    const shown = records.map((attempt: Json) => readTrace(attempt.request_headers.traceparent).spanId)
    expect(shown.toSorted()).toEqual(seen.map(({ spanId }) => spanId).toSorted())
  })

  it('of each endpoint that gets it, also of one that is named later', async () => {
    const tenant = await createTenant()
    const [first, second] = [await tenant.endpoint(), await tenant.endpoint()]
    const { id } = await publishIn(tenant, traced)
    const third = await tenant.endpoint()
    await eventually('the replay', async () => {
      const { status } = await tenant.call('POST', `/messages/${id}/replay`, { body: { endpoint_ids: [third.id] } })
      return status === 202
    })
    for (const endpoint of [first, second, third]) expect(traceOf(await arrival(endpoint)).traceId).toBe(TRACE_ID)
  })

  it('and a repeat of the publish in another trace is a duplicate still', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await publishIn(tenant, { 'idempotency-key': 'once', ...traced })
    const { reply } = await publishIn(tenant, { 'idempotency-key': 'once' })
    expect(reply.body.duplicate).toBe(true)
    expect(traceOf(await arrival(endpoint)).traceId).toBe(TRACE_ID)
  })
})

describe('what an endpoint sets itself', () => {
  it('is sent instead, and nothing of the message’s trace beside it', async () => {
    const tenant = await createTenant()
    const own = `00-${'b'.repeat(32)}-${CALLER}-00`
    const endpoint = await tenant.endpoint({ headers: { traceparent: own } })
    await publishIn(tenant, traced)
    const { headers } = await arrival(endpoint)
    expect(headers.get('traceparent')).toBe(own)
    expect(headers.get('tracestate')).toBeNull()
  })
})

describe('filters and transforms', () => {
  it('see what the message says, and not its trace', async () => {
    const tenant = await createTenant()
    const settings = { filter: '$not($exists(headers.traceparent))', transform: '{"seen": $keys(headers)}' }
    const endpoint = await tenant.endpoint(settings)
    await publishIn(tenant, traced)
    expect((await arrival(endpoint)).body).toBe('{}')
  })
})

describe('a message', () => {
  it('tells its trace, whether an endpoint has it or nobody', async () => {
    const tenant = await createTenant()
    const nobodys = await publishIn(tenant, traced)
    await tenant.endpoint()
    const delivered = await publishIn(tenant, traced)
    for (const { id } of [nobodys, delivered]) {
      const { body } = await tenant.call('GET', `/messages/${id}`)
      expect(body.trace_id).toBe(TRACE_ID)
    }
  })
})

describe('the log names the trace', () => {
  it('of a request that was refused', async () => {
    const tenant = await createTenant()
    const key = await tenant.key('viewer')
    const lines = watch('auth.refused', 'warn')
    await tenant.call('POST', '/messages', { key, body: { type: 'a.b', data: 1 }, headers: traced })
    expect(lines()).toMatchObject([{ code: 'forbidden', trace_id: TRACE_ID }])
  })

  it('of a publish that a part of ours held up', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ ordering: 'fifo' })
    const failed = watch('endpoint.enqueue_failed', 'error')
    const answered = watch('request.unavailable', 'warn')
    breakEndpoint(endpoint.id)
    expect((await tenant.publish({}, traced)).status).toBe(503)
    expect(failed()).toMatchObject([{ endpoint_id: endpoint.id, trace_id: TRACE_ID }])
    expect(answered()).toMatchObject([{ code: 'not_all_placed', trace_id: TRACE_ID }])
  })

  it('of a message that waits in the fan-out queue', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const sent = vi.spyOn(env.FANOUT, 'send').mockResolvedValue(undefined as never)
    breakEndpoint(endpoint.id)
    await publishIn(tenant, traced)
    const calls = watch('endpoint.enqueue_failed', 'error')
    const lines = watch('queue.failed', 'warn')
    await consumed('fanout', [sent.mock.calls[0]?.[0]])
    expect(lines()).toMatchObject([{ queue: 'fanout', trace_id: TRACE_ID }])
    expect(calls()).toMatchObject([{ trace_id: TRACE_ID }])
  })

  it('of a clock of a retry', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [600] })
    const sent = vi.spyOn(env.RETRIES, 'sendBatch').mockResolvedValue(undefined as never)
    receivers.current.become(endpoint.url, 500)
    await publishIn(tenant, traced)
    const [batch] = await eventually('its clock', () => sent.mock.calls[0])
    const [clock] = [...batch]
    expect(clock?.body).toMatchObject({ endpoint_id: endpoint.id, trace_id: TRACE_ID })
    breakEndpoint(endpoint.id)
    const lines = watch('queue.failed', 'error')
    await consumed('retries', [clock?.body])
    expect(lines()).toMatchObject([{ queue: 'retries', trace_id: TRACE_ID }])
  })

  it('of an attempt whose payload is lost', async () => {
    const tenant = await createTenant()
    await tenant.endpoint()
    vi.spyOn(env.PAYLOADS, 'get').mockResolvedValue(null as never)
    const lines = watch('payload.missing', 'error')
    const reply = await tenant.publish({ data: 'x'.repeat(200_000) }, traced)
    expect(reply.status).toBe(202)
    const [line] = await eventually('the line', () => lines().length > 0 && lines())
    expect(line).toMatchObject({ message_id: reply.body.id, trace_id: TRACE_ID })
  })
})

describe('what it costs', () => {
  it('is a member of the headers in a row that is there anyway', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const { id } = await publishIn(tenant, traced)
    const stored = await stubOf(endpoint.id).message(id)
    expect(Object.keys(stored?.headers ?? {}).toSorted()).toEqual(['traceparent', 'tracestate'])
  })
})
