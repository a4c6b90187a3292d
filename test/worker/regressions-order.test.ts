/** An ordered endpoint gets what is published in its order, whichever way the messages would take to others. */
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { breakEndpoint, createTenant, eventually, type Json, type TenantHandle, useReceivers } from './harness.ts'
import { expectProblem } from './problem.ts'

/** Endpoints that are called whatever their ordering. */
const DIRECT_ENDPOINTS_MAX = 20
const receivers = useReceivers()

async function arrivedAt(endpoint: Json, count: number): Promise<unknown[]> {
  await eventually(`${count} arrivals`, () => receivers.current.arrivals(endpoint.url).length === count)
  return receivers.current.arrivals(endpoint.url).map(({ body }) => JSON.parse(body).data)
}

describe('a batch that mixes messages with an idempotency key and without', () => {
  it.each(['fifo', 'key'])('arrives in its order (%s)', async (ordering) => {
    const tenant = await createTenant()
    // Another endpoint decides about the keys of some of them, and none of the others.
    await tenant.endpoint({ event_types: ['user.*'] })
    const endpoint = await tenant.endpoint({ ordering })
    const event = (data: number, type: string, idempotency_key?: string) => ({
      type,
      data,
      idempotency_key,
      ordering_key: 'cus_1',
    })
    const messages = [
      event(1, 'user.created', 'a'),
      event(2, 'invoice.paid'),
      event(3, 'invoice.paid', 'b'),
      event(4, 'user.created'),
      event(5, 'user.created', 'c'),
      event(6, 'invoice.paid', 'd'),
    ]
    const { body } = await tenant.call('POST', '/messages/batch', { body: { messages } })
    expect(body.results.map(({ status }: Json) => status)).toEqual(messages.map(() => 202))
    expect(await arrivedAt(endpoint, 6)).toEqual([1, 2, 3, 4, 5, 6])
  })
})

describe('beyond the endpoints that are called whatever they want', () => {
  async function withOthers() {
    const tenant = await createTenant()
    for (let i = 0; i < DIRECT_ENDPOINTS_MAX; i++) await tenant.endpoint()
    const queued = vi.spyOn(env.FANOUT, 'send')
    const endpointsQueued = () => queued.mock.calls.flatMap(([{ endpoint_ids }]) => endpoint_ids)
    return { tenant, endpointsQueued }
  }

  it.each(['fifo', 'key'])('an ordered endpoint is called too, and keeps its order (%s)', async (ordering) => {
    const { tenant, endpointsQueued } = await withOthers()
    const endpoint = await tenant.endpoint({ ordering })
    const numbers = Array.from({ length: 15 }, (_, n) => n)
    for (const data of numbers) await tenant.published({ data, ordering_key: 'cus_1' })
    expect(await arrivedAt(endpoint, numbers.length)).toEqual(numbers)
    expect(endpointsQueued()).toEqual([])
  })

  it('one without order goes through the queue', async () => {
    const { tenant, endpointsQueued } = await withOthers()
    const ordered = await tenant.endpoint({ ordering: 'fifo' })
    const unordered = await tenant.endpoint()
    await tenant.published({ data: 'hello' })
    expect(endpointsQueued()).toEqual([unordered.id])
    expect(await arrivedAt(ordered, 1)).toEqual(['hello'])
    expect(await arrivedAt(unordered, 1)).toEqual(['hello'])
  })
})

describe('a call of an ordered endpoint that fails', () => {
  async function withSilent(ordering: string): Promise<{ tenant: TenantHandle; endpoint: Json; mend: () => void }> {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ ordering })
    return { tenant, endpoint, mend: breakEndpoint(endpoint.id) }
  }

  it.each(['fifo', 'key'])('is answered with 503, and no queue lets it be overtaken (%s)', async (ordering) => {
    const { tenant, endpoint, mend } = await withSilent(ordering)
    const queued = vi.spyOn(env.FANOUT, 'send')
    const refused = await tenant.publish({ data: 'refused', ordering_key: 'cus_1' })
    expectProblem(refused, 503, 'not_all_placed')
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
    expect(queued).not.toHaveBeenCalled()
    mend()
    const again = await tenant.publish(
      { data: 'refused', ordering_key: 'cus_1' },
      { 'idempotency-key': refused.body.message_id },
    )
    expect(again).toMatchObject({ status: 202, body: { id: refused.body.message_id, duplicate: false } })
    await tenant.published({ data: 'later', ordering_key: 'cus_1' })
    expect(await arrivedAt(endpoint, 2)).toEqual(['refused', 'later'])
  })

  it('leaves the delivery of an unordered one to the queue', async () => {
    const { tenant, endpoint, mend } = await withSilent('none')
    const { status } = await tenant.publish({ data: 'queued' })
    mend()
    expect(status).toBe(202)
    expect(await arrivedAt(endpoint, 1)).toEqual(['queued'])
  })
})
