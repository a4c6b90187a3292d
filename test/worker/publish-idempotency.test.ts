import { describe, expect, it } from 'vitest'
import { createTenant, eventually, type Json, type Reply, type TenantHandle, useReceivers } from './harness.ts'
import { expectProblem } from './problem.ts'

const receivers = useReceivers()

const publishAs = (tenant: TenantHandle, key: string, message: Record<string, unknown> = {}) =>
  tenant.publish(message, { 'idempotency-key': key })

function expectDuplicateOf(first: Reply, again: Reply): void {
  expect(again.status).toBe(202)
  expect(again.body).toMatchObject({ id: first.body.id, accepted_at: first.body.accepted_at, duplicate: true })
}

/** With endpoints, and with nobody to decide about duplicates but the table of unmatched messages. */
const AUDIENCES: [string, number][] = [
  ['no endpoint', 0],
  ['one endpoint', 1],
  ['three endpoints', 3],
  ['more endpoints than are called directly', 22],
]

async function withEndpoints(count: number): Promise<{ tenant: TenantHandle; endpoints: Json[] }> {
  const tenant = await createTenant()
  return { tenant, endpoints: await Promise.all(Array.from({ length: count }, () => tenant.endpoint())) }
}

/** The bodies that arrived at each endpoint, once something has arrived at all of them. */
async function bodiesAt(endpoints: Json[]): Promise<string[][]> {
  await eventually('the message to arrive everywhere', () =>
    endpoints.every(({ url }) => receivers.current.arrivals(url).length > 0),
  )
  return endpoints.map(({ url }) => receivers.current.arrivals(url).map(({ body }) => body))
}

describe.each(AUDIENCES)('an Idempotency-Key, with %s', (_audience, count) => {
  it('lets a message be published again without being sent again', async () => {
    const { tenant, endpoints } = await withEndpoints(count)
    const first = await publishAs(tenant, 'order-1')
    expect(first.body.duplicate).toBe(false)
    await bodiesAt(endpoints)
    for (let n = 0; n < 3; n++) {
      expectDuplicateOf(first, await publishAs(tenant, 'order-1'))
    }
    for (const bodies of await bodiesAt(endpoints)) expect(bodies).toHaveLength(1)
  })

  it('refuses another content, and says which message it stands for', async () => {
    const { tenant, endpoints } = await withEndpoints(count)
    const first = await publishAs(tenant, 'order-1', { data: 1 })
    const other = await publishAs(tenant, 'order-1', { data: 2 })
    expectProblem(other, 409, 'idempotency_conflict')
    expect(other.body.message_id).toBe(first.body.id)
    expectDuplicateOf(first, await publishAs(tenant, 'order-1', { data: 1 }))
    for (const bodies of await bodiesAt(endpoints)) {
      expect(bodies.map((body) => JSON.parse(body).data)).toEqual([1])
    }
  })

  it('makes one message of 50 that race', async () => {
    const { tenant, endpoints } = await withEndpoints(count)
    const replies = await Promise.all(Array.from({ length: 50 }, () => publishAs(tenant, 'order-1')))
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([202]))
    expect(new Set(replies.map(({ body }) => body.id)).size).toBe(1)
    // With several endpoints, racers may each be the first somewhere.
    if (count <= 1) expect(replies.filter(({ body }) => !body.duplicate)).toHaveLength(1)
    for (const bodies of await bodiesAt(endpoints)) expect(bodies).toHaveLength(1)
  })

  it('lets one of 20 different contents win a race, and everyone gets that one', async () => {
    const { tenant, endpoints } = await withEndpoints(count)
    const replies = await Promise.all(Array.from({ length: 20 }, (_, data) => publishAs(tenant, 'order-1', { data })))
    const won = replies.flatMap(({ status }, data) => (status === 202 ? [data] : []))
    expect(won).toHaveLength(1)
    for (const reply of replies.filter(({ status }) => status !== 202))
      expectProblem(reply, 409, 'idempotency_conflict')
    for (const bodies of await bodiesAt(endpoints)) {
      expect(bodies.map((body) => JSON.parse(body).data)).toEqual(won)
    }
  })
})

describe('an Idempotency-Key', () => {
  it.each([
    ['type', { type: 'invoice.void' }],
    ['channels', { channels: ['eu'] }],
    ['ordering key', { ordering_key: 'cus_1' }],
    ['data', { data: { amount: 43 } }],
    ['format', { data: undefined, raw: '{"amount":42}', content_type: 'application/json' }],
  ])('refuses another %s too', async (_what, change) => {
    const { tenant } = await withEndpoints(1)
    expect((await publishAs(tenant, 'order-1')).status).toBe(202)
    expectProblem(await publishAs(tenant, 'order-1', change), 409, 'idempotency_conflict')
  })

  it('refuses what differs in a digit that JavaScript would lose', async () => {
    const { tenant } = await withEndpoints(1)
    const publishAmount = (amount: string) =>
      tenant.call('POST', '/messages', {
        text: `{"type":"a","data":${amount}}`,
        headers: { 'idempotency-key': 'order-1' },
      })
    expect((await publishAmount('9007199254740993')).body.duplicate).toBe(false)
    expect((await publishAmount('9007199254740993')).body.duplicate).toBe(true)
    expectProblem(await publishAmount('9007199254740992'), 409, 'idempotency_conflict')
  })

  it('means nothing to another tenant', async () => {
    const [one, other] = [await withEndpoints(1), await withEndpoints(1)]
    const [first, second] = [
      await publishAs(one.tenant, 'a', { data: 1 }),
      await publishAs(other.tenant, 'a', { data: 2 }),
    ]
    expect([first.status, second.status, second.body.duplicate]).toEqual([202, 202, false])
    expect(second.body.id).not.toBe(first.body.id)
  })

  it('may be the id of a message whose answer was lost', async () => {
    const { tenant, endpoints } = await withEndpoints(2)
    const first = await tenant.publish()
    await bodiesAt(endpoints)
    expectDuplicateOf(first, await publishAs(tenant, first.body.id))
    expectProblem(await publishAs(tenant, first.body.id, { data: 'other' }), 409, 'idempotency_conflict')
    for (const bodies of await bodiesAt(endpoints)) expect(bodies).toHaveLength(1)
  })

  it.each(['x', 'x'.repeat(255), '!"#$%&/()=?*+~{}[]|;:,.<>'])('may be %j', async (key) => {
    const { tenant } = await withEndpoints(1)
    expectDuplicateOf(await publishAs(tenant, key), await publishAs(tenant, key))
  })

  it('of a message that was refused is free for the corrected one', async () => {
    const { tenant } = await withEndpoints(1)
    expectProblem(await publishAs(tenant, 'a', { type: 'no type' }), 422, 'invalid_request')
    expect((await publishAs(tenant, 'a')).body.duplicate).toBe(false)
  })

  it('is not needed: without one, the same message is another one', async () => {
    const { tenant, endpoints } = await withEndpoints(1)
    const ids = [await tenant.published(), await tenant.published()]
    expect(new Set(ids).size).toBe(2)
    await eventually('both to arrive', () => receivers.current.arrivals(endpoints[0]?.url).length === 2)
  })
})
