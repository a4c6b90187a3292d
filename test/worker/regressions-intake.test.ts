/** What an Endpoint answers for each item of one call, where the items get in one another's way. */
import { describe, expect, it } from 'vitest'
import { createId } from '../../src/lib/ids.ts'
import { createTenant, eventually, type Json, stubOf, type TenantHandle, useReceivers } from './harness.ts'

const receivers = useReceivers()

const event = (data: unknown, idempotency_key: string) => ({ type: 'invoice.paid', data, idempotency_key })

async function resultsOf(tenant: TenantHandle, messages: readonly unknown[]): Promise<Json[]> {
  const { status, body } = await tenant.call('POST', '/messages/batch', { body: { messages } })
  expect(status, JSON.stringify(body)).toBe(200)
  return body.results
}

const heldBy = async ({ id }: Json) => (await stubOf(id).list({ limit: 250 })).deliveries

/** A disabled endpoint with room for so many deliveries more. */
async function withRoomFor(count: number) {
  const tenant = await createTenant({ limits: { unfinished_per_endpoint: 1 + count } })
  const endpoint = await tenant.endpoint()
  await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
  await tenant.published()
  return { tenant, endpoint }
}

describe('twins in a batch for a full endpoint', () => {
  it('are both refused, because neither is in custody', async () => {
    const { tenant, endpoint } = await withRoomFor(0)
    const results = await resultsOf(tenant, [event(1, 'a'), event(1, 'a')])
    expect(results).toMatchObject([
      { status: 429, code: 'endpoint_full' },
      { status: 429, code: 'endpoint_full' },
    ])
    expect(await heldBy(endpoint)).toHaveLength(1)
  })

  it('are an acceptance and a duplicate while there is room, and refused from then on', async () => {
    const { tenant, endpoint } = await withRoomFor(1)
    const results = await resultsOf(tenant, [event(1, 'a'), event(1, 'a'), event(2, 'b'), event(2, 'b')])
    expect(results).toMatchObject([
      { status: 202, message: { duplicate: false } },
      { status: 202, message: { duplicate: true } },
      { status: 429, code: 'endpoint_full' },
      { status: 429, code: 'endpoint_full' },
    ])
    expect(await heldBy(endpoint)).toHaveLength(2)
  })

  it('that were refused are accepted once there is room', async () => {
    const { tenant, endpoint } = await withRoomFor(0)
    await resultsOf(tenant, [event(1, 'a'), event(1, 'a')])
    await tenant.call('POST', `/endpoints/${endpoint.id}/enable`)
    await eventually('room', async () => (await stubOf(endpoint.id).breaker()).unfinished === 0)
    const results = await resultsOf(tenant, [event(1, 'a'), event(1, 'a')])
    expect(results.map(({ message }) => message.duplicate)).toEqual([false, true])
    await tenant.deliveryIn('succeeded', results[0]?.message.id, endpoint.id)
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(2)
  })
})

describe('messages of neighbouring milliseconds, with their ids as keys', () => {
  const idAt = (ms: number) => createId('msg', ms, (length) => crypto.getRandomValues(new Uint8Array(length)))

  // A millisecond's places spill over into those of the next eight.
  it.each([
    { held: [3], given: [0, 3] },
    { held: [3], given: [3, 0] },
    { held: [7], given: [0, 1, 2, 3, 4, 5, 6, 7, 8] },
    { held: [], given: [5, 4, 3, 2, 1, 0] },
    { held: [1, 4, 4], given: [4, 0, 4, 1, 2, 0] },
  ])('have places of their own and all arrive: $given after $held', async ({ held, given }) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const base = Date.now() - 5000
    const idsOf = (offsets: readonly number[]) => offsets.map((offset) => idAt(base + offset))
    const [before, together] = [idsOf(held), idsOf(given)]
    for (const id of before) expect(await resultsOf(tenant, [event('held', id)])).toMatchObject([{ status: 202 }])

    const results = await resultsOf(
      tenant,
      together.map((id) => event(id, id)),
    )
    expect(results.map(({ status, message }) => [status, message?.id])).toEqual(together.map((id) => [202, id]))
    for (const id of [...before, ...together]) {
      expect(await tenant.deliveryIn('succeeded', id, endpoint.id)).toMatchObject({ message_id: id })
    }
    const arrived = receivers.current.arrivals(endpoint.url).map(({ headers }) => headers.get('webhook-id'))
    expect(arrived.toSorted()).toEqual([...before, ...together].toSorted())
  })
})
