/** The custody rule: what was answered with 202 is held by storage, whichever part of the platform is down. */
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import type { FanoutMessage } from '../../src/queues/messages.ts'
import {
  breakDatabase,
  breakEndpoint,
  createTenant,
  eventually,
  type Json,
  skip,
  type TenantHandle,
  useReceivers,
} from './harness.ts'

const receivers = useReceivers()

const arrivalsAt = (endpoint: Json) => receivers.current.arrivals(endpoint.url)

async function endpoints(tenant: TenantHandle, count: number): Promise<Json[]> {
  const created = await Promise.all(Array.from({ length: count }, () => tenant.endpoint()))
  // As a publish orders them: by id.
  return created.sort((a, b) => (a.id < b.id ? -1 : 1))
}

function allArrive(at: readonly Json[]): Promise<true> {
  return eventually('an arrival at every endpoint', () => at.every((one) => arrivalsAt(one).length > 0))
}

/** Every endpoint got the one message once, and the same bytes as all others. */
function expectOneArrivalEach(at: readonly Json[], message_id: string): void {
  const arrivals = at.map(arrivalsAt)
  expect(arrivals.map((each) => each.map(({ headers }) => headers.get('webhook-id')))).toEqual(
    at.map(() => [message_id]),
  )
  expect(new Set(arrivals.flat().map(({ body }) => body)).size).toBe(1)
}

function breakQueue() {
  return vi.spyOn(env.FANOUT, 'send').mockRejectedValue(new Error('the queue is down'))
}

describe('a wide fan-out', () => {
  it('calls 20 endpoints directly and leaves the others to the queue', async () => {
    const tenant = await createTenant()
    const wide = await endpoints(tenant, 25)
    const send = vi.spyOn(env.FANOUT, 'send').mockResolvedValue(undefined as never)

    const { status, body } = await tenant.publish()
    expect(status).toBe(202)
    expect(body.deliveries).toHaveLength(25)
    await allArrive(wide.slice(0, 20))
    expect(wide.slice(20).flatMap(arrivalsAt)).toEqual([])

    expect(send).toHaveBeenCalledTimes(1)
    const [queued] = send.mock.calls[0] as [FanoutMessage]
    expect(queued.endpoint_ids).toEqual(wide.slice(20).map(({ id }) => id))
    send.mockRestore()
    await env.FANOUT.send(queued)
    await allArrive(wide)
    expectOneArrivalEach(wide, body.id)
  })

  it('falls back to direct calls while the queue is down', async () => {
    const tenant = await createTenant()
    const wide = await endpoints(tenant, 25)
    breakQueue()
    const message_id = await tenant.published()
    await allArrive(wide)
    expectOneArrivalEach(wide, message_id)
  })
})

// Whether a repeat is new is for the first endpoint to say, whatever the others lack.
describe('an Endpoint that does not answer', () => {
  it('gets the message through the queue once it is back', async () => {
    const tenant = await createTenant()
    const three = await endpoints(tenant, 3)
    const mendEndpoint = breakEndpoint(three[1].id)
    const { status, body } = await tenant.publish()
    expect(status).toBe(202)
    expect(body.deliveries.map(({ endpoint_id }: Json) => endpoint_id)).toEqual(three.map(({ id }) => id))
    mendEndpoint()
    await allArrive(three)
    expectOneArrivalEach(three, body.id)
  })

  it.each(['first', 'last'])(
    'is never passed over with a 202 when the queue is down too, and a repeat by message id completes (%s)',
    async (which) => {
      const tenant = await createTenant()
      const three = await endpoints(tenant, 3)
      const mendEndpoint = breakEndpoint(three.at(which === 'first' ? 0 : -1).id)
      const queue = breakQueue()

      const refused = await tenant.publish()
      expect(refused.status).toBe(503)
      expect(refused.body).toMatchObject({ code: 'not_all_placed', message_id: expect.stringMatching(/^msg_/) })
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)

      mendEndpoint()
      queue.mockRestore()
      const repeated = await tenant.publish({}, { 'idempotency-key': refused.body.message_id })
      expect(repeated.status).toBe(202)
      expect(repeated.body).toMatchObject({ id: refused.body.message_id, duplicate: which === 'last' })
      await allArrive(three)
      expectOneArrivalEach(three, refused.body.message_id)

      const again = await tenant.publish({}, { 'idempotency-key': refused.body.message_id })
      expect(again.body).toMatchObject({ id: refused.body.message_id, duplicate: true })
      expectOneArrivalEach(three, refused.body.message_id)
    },
  )

  it.each(['first', 'last'])(
    'completes by a repeat with the same Idempotency-Key, same bytes everywhere (%s)',
    async (which) => {
      const tenant = await createTenant()
      const three = await endpoints(tenant, 3)
      const mendEndpoint = breakEndpoint(three.at(which === 'first' ? 0 : -1).id)
      const queue = breakQueue()
      const key = { 'idempotency-key': 'order-1842-paid' }
      const refused = await tenant.publish({}, key)
      expect(refused.body).toMatchObject({ status: 503, code: 'not_all_placed' })

      mendEndpoint()
      queue.mockRestore()
      skip(5000)
      const repeated = await tenant.publish({}, key)
      expect(repeated.body).toMatchObject({ id: refused.body.message_id, duplicate: which === 'last' })
      await allArrive(three)
      expectOneArrivalEach(three, refused.body.message_id)
    },
  )

  it('does not let two contents of one key through: what is refused is delivered nowhere, what is accepted everywhere', async () => {
    const tenant = await createTenant()
    const three = await endpoints(tenant, 3)
    const key = { 'idempotency-key': 'order-1843-paid' }
    const mendEndpoint = breakEndpoint(three[0].id)
    // Should the queue be given the first endpoint's delivery, it brings it late.
    const send = vi.spyOn(env.FANOUT, 'send').mockResolvedValue(undefined as never)
    const first = await tenant.publish({ data: 'first' }, key)
    mendEndpoint()
    const second = await tenant.publish({ data: 'second' }, key)
    const queued = send.mock.calls.map(([message]) => message as FanoutMessage)
    send.mockRestore()
    for (const message of queued) await env.FANOUT.send(message)

    const accepted = [first, second].filter(({ status }) => status === 202)
    expect(accepted).toHaveLength(1)
    await allArrive(three)
    expectOneArrivalEach(three, first.body.id ?? first.body.message_id)
    const content = accepted[0] === first ? 'first' : 'second'
    expect(JSON.parse(arrivalsAt(three[0])[0]?.body ?? '').data).toBe(content)
  })
})

describe('D1 down', () => {
  it('does not stop a hot tenant from publishing for an hour', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await tenant.published()
    breakDatabase()
    for (const minutes of [1, 58]) {
      skip(minutes * 60_000)
      const message_id = await tenant.published()
      await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    }
    skip(2 * 60_000)
    const { status, headers, body } = await tenant.publish()
    expect(status).toBe(503)
    expect(body.code).toBe('unavailable')
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
  })

  it('does not stop a tenant key either', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const key = await tenant.key('publisher')
    const publish = () => tenant.call('POST', '/messages', { key, body: { type: 'invoice.paid', data: {} } })
    expect((await publish()).status).toBe(202)
    breakDatabase()
    skip(10 * 60_000)
    expect((await publish()).status).toBe(202)
    await eventually('both arrivals', () => arrivalsAt(endpoint).length === 2)
  })

  it.each(['', '/endpoints', '/messages', '/deliveries', '/dead-letters', '/keys', '/event-types'])(
    'is answered with 503 and Retry-After when %s of a tenant is read',
    async (path) => {
      const tenant = await createTenant()
      breakDatabase()
      const { status, headers, body } = await tenant.call('GET', path)
      expect({ status, code: body.code }).toEqual({ status: 503, code: 'unavailable' })
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    },
  )
})
