/** An erasure while something is on its way: an attempt, a queue message, a publish, a flush, a change of lanes. */
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { recordInternal } from '../../src/dead-letters/record.ts'
import { objectName } from '../../src/endpoints/lanes.ts'
import { payloadsOfSubject } from '../../src/messages/body.ts'
import type { FanoutMessage } from '../../src/queues/messages.ts'
import { hashSubject } from '../../src/subjects/subject.ts'
import { itemOf } from './enqueued.ts'
import { erasing, erasureOf, firstPassOver, laterPass, someone } from './erased.ts'
import { consumed, crash, createTenant, eventually, type Json, type TenantHandle, useReceivers } from './harness.ts'
import { heldBy, setLanes } from './laned.ts'
import { whereIs } from './planted.ts'

const receivers = useReceivers()

/** One that is being attempted: from here on the receiver answers when it is told to. */
async function attempted(settings: Record<string, unknown> = {}, answer = 200) {
  const tenant = await createTenant()
  const one = someone()
  const endpoint = await tenant.endpoint({ retry_delays_s: [1, 1], ...settings })
  const open = receivers.current.hold(endpoint.url, answer)
  const id = await tenant.published({ subject: one.subject, data: one.secret, ordering_key: one.secret })
  await eventually('the attempt', () => receivers.current.arrivals(endpoint.url).length === 1)
  const erasure = await erasing(tenant, one.subject)
  await firstPassOver(tenant, erasure)
  return { tenant, one, endpoint, open, id, erasure }
}

describe('what is being attempted at that moment', () => {
  it('loses its content at once, and what the receiver answers as it ends', async () => {
    const { tenant, one, endpoint, id, open } = await attempted()
    expect(await tenant.delivery(id, endpoint.id)).toMatchObject({ state: 'delivering', erased_at: expect.any(String) })
    receivers.current.become(endpoint.url, 200)
    open()
    const after = await tenant.deliveryIn('succeeded', id, endpoint.id)
    expect(after.attempt_log).toEqual([
      expect.objectContaining({ status: 200, request_headers: {}, response_body: '' }),
    ])
    await eventually('nothing to be left', async () => (await whereIs(one.secret, tenant)).length === 0)
  })

  it.each([
    [500, 'client and server errors'],
    [410, 'a receiver that wants no more'],
  ])('is not attempted again after %d', async (status) => {
    const { tenant, endpoint, id, open } = await attempted({}, status)
    open()
    const after = await tenant.deliveryIn('cancelled', id, endpoint.id)
    expect(after).toMatchObject({ attempt_count: 1, last_status: status, next_attempt_at: null })
    receivers.current.become(endpoint.url, 200)
    const next = await tenant.published({ data: 'the next' })
    await tenant.call('POST', `/endpoints/${endpoint.id}/enable`, { body: {} })
    await tenant.deliveryIn('succeeded', next, endpoint.id)
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(2)
    expect((await tenant.call('GET', '/dead-letters')).body.data).toEqual([])
  })

  it('is not attempted again after the Endpoint has crashed', async () => {
    const { tenant, endpoint, id } = await attempted()
    receivers.current.become(endpoint.url, 200)
    await crash(endpoint.id)
    expect(await tenant.deliveryIn('cancelled', id, endpoint.id)).toMatchObject({ attempt_count: 0 })
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(1)
  })

  it('keeps its place in the order of its key until it ends', async () => {
    const { tenant, one, endpoint, id, open, erasure } = await attempted({ ordering: 'key' })
    const behind = await tenant.published({ data: 'behind', ordering_key: one.secret })
    expect((await tenant.delivery(behind, endpoint.id)).state).toBe('pending')
    receivers.current.become(endpoint.url, 200)
    open()
    await tenant.deliveryIn('succeeded', behind, endpoint.id)
    const [first, second] = receivers.current.arrivals(endpoint.url)
    expect([first?.headers.get('webhook-id'), second?.headers.get('webhook-id')]).toEqual([id, behind])
    await laterPass(tenant, erasure)
    // The key itself is what the one behind it was published with.
    const [, erased] = await heldBy(endpoint, 0)
    expect((await heldBy(endpoint, 0)).map(({ ordering_key }) => ordering_key)).toEqual([null, one.secret])
    expect(erased?.message_id).toBe(behind)
  })

  it('keeps the erasure from being completed', async () => {
    const { tenant, endpoint, id, open, erasure } = await attempted({ timeout_ms: 30_000 })
    expect(await laterPass(tenant, erasure)).toMatchObject({ state: 'running' })
    open()
    await tenant.deliveryIn('succeeded', id, endpoint.id)
    expect(await laterPass(tenant, erasure)).toMatchObject({
      state: 'completed',
      erased: { deliveries: 1, unfinished_deliveries: 1 },
    })
  })
})

/** As the fan-out queue holds one that was accepted before. */
async function queued(tenant: TenantHandle, { id }: Json, one: { subject: string; secret: string }) {
  const subject = await hashSubject(tenant.id, one.subject)
  const accepted_at = Date.now() - 1000
  const { note: _, ...item } = itemOf(accepted_at)
  const r2_key = `${payloadsOfSubject(tenant.id, subject)}${item.message_id}/${accepted_at}-${'0'.repeat(32)}`
  await env.PAYLOADS.put(r2_key, one.secret)
  const body = { r2_key, size_bytes: one.secret.length }
  const message: FanoutMessage = {
    v: 1,
    tenant_id: tenant.id,
    item: { ...item, subject, channels: [one.secret], ordering_key: one.secret, body },
    endpoint_ids: [id],
    notes: { [id]: one.secret },
  }
  return message
}

describe('what a queue still holds', () => {
  it('is not kept when that gives up on it after the erasure', async () => {
    const tenant = await createTenant()
    const one = someone()
    const endpoint = await tenant.endpoint()
    const message = await queued(tenant, endpoint, one)
    const later = { ...message, item: { ...message.item, subject: await hashSubject(tenant.id, 'another') } }
    const erasure = await erasing(tenant, one.subject)
    await firstPassOver(tenant, erasure)
    await laterPass(tenant, erasure)
    await recordInternal(
      env.DB,
      [message, later].map((body, i) => ({ queue: 'fanout', body, error: '', id: `${tenant.id}${i}`, now: 1 })),
    )
    const { results } = await env.DB.prepare(
      "SELECT body ->> '$.item.subject' AS subject FROM dead_letters WHERE tenant_id = ?",
    )
      .bind(tenant.id)
      .all()
    expect(results).toEqual([{ subject: later.item.subject }])
  })

  it('is recorded when it comes, and neither stored nor delivered', async () => {
    const tenant = await createTenant()
    const one = someone()
    const endpoint = await tenant.endpoint({ ordering: 'key' })
    const message = await queued(tenant, endpoint, one)
    const erasure = await erasing(tenant, one.subject)
    await firstPassOver(tenant, erasure)
    expect(await whereIs(one.secret, tenant)).toEqual([])
    // Twice, as a queue may.
    expect(await consumed('fanout', [message])).toEqual(['acked'])
    expect(await consumed('fanout', [message])).toEqual(['acked'])
    const { message_id } = message.item
    const delivery = await tenant.delivery(message_id, endpoint.id)
    expect(delivery).toMatchObject({ state: 'cancelled', erased_at: expect.any(String), ordering_key: null })
    expect(receivers.current.arrivals(endpoint.url)).toEqual([])
    expect(await laterPass(tenant, erasure)).toMatchObject({
      erased: { deliveries: 1, unfinished_deliveries: 1, payloads: 1 },
    })
    expect(await whereIs(one.secret, tenant)).toEqual([])
  })

  it('is stopped by a lane that is newer than the erasure', async () => {
    const tenant = await createTenant()
    const one = someone()
    const endpoint = await tenant.endpoint({ ordering: 'key', max_in_flight: 8 })
    const messages = await Promise.all(Array.from({ length: 12 }, () => queued(tenant, endpoint, one)))
    const erasure = await erasing(tenant, one.subject)
    await firstPassOver(tenant, erasure)
    await setLanes(tenant, endpoint, 4)
    const keyed = messages.map((message, i) => ({ ...message, item: { ...message.item, ordering_key: `key ${i}` } }))
    await consumed('fanout', keyed)
    const held = (await Promise.all([0, 1, 2, 3].map((lane) => heldBy(endpoint, lane)))).flat()
    expect(held.map(({ state, erased_at }) => [state, erased_at !== null])).toEqual(
      messages.map(() => ['cancelled', true]),
    )
    expect(await whereIs(one.secret, tenant)).toEqual([])
    expect((await laterPass(tenant, erasure)).state).toBe('completed')
    for (const lane of [0, 1, 2, 3])
      expect(await whereIs('key 1', tenant)).not.toContain(`${objectName(endpoint.id, lane)} deliveries`)
    expect(receivers.current.arrivals(endpoint.url)).toEqual([])
  })
})

it('draws the line at the moment of the request, however much is published at the same time', async () => {
  const tenant = await createTenant()
  const one = someone()
  const endpoints = await Promise.all([tenant.endpoint(), tenant.endpoint({ lanes: 2, max_in_flight: 2 })])
  const publish = (n: number) =>
    tenant.published({ subject: one.subject, data: `${one.secret} ${n}`, ...(n % 3 === 0 && { channels: ['x'] }) })
  const first = Array.from({ length: 15 }, (_, n) => publish(n))
  const request = erasing(tenant, one.subject)
  const second = Array.from({ length: 15 }, (_, n) => publish(n))
  const ids = await Promise.all([...first, ...second])
  const erasure = await request
  await firstPassOver(tenant, erasure)
  const done = await laterPass(tenant, erasure)
  expect(done.state).toBe('completed')
  const deliveries = ids.flatMap((id) => endpoints.map((endpoint) => [id, endpoint.id] as const))
  const shown = await Promise.all(deliveries.map(([id, endpoint_id]) => tenant.delivery(id, endpoint_id)))
  for (const { accepted_at, erased_at } of shown) {
    expect({ accepted_at, is_erased: erased_at !== null }).toEqual({
      accepted_at,
      is_erased: accepted_at <= done.requested_at,
    })
  }
  const erased = shown.filter(({ erased_at }) => erased_at !== null).length
  expect(done.erased.deliveries).toBe(erased)
  expect((await erasureOf(tenant, done)).receipt.authenticity).toBe('authentic')
})

it('is not undone by a read model that is written behind', async () => {
  const tenant = await createTenant()
  const one = someone()
  const endpoint = await tenant.endpoint()
  // Not flushed yet.
  const id = await tenant.published({ subject: one.subject, data: one.secret, ordering_key: one.secret })
  const erasure = await erasing(tenant, one.subject)
  await eventually('the flush', () =>
    env.DB.prepare('SELECT 1 FROM deliveries WHERE tenant_id = ? AND message_id = ? AND erased_at > 0')
      .bind(tenant.id, id)
      .first(),
  )
  expect((await laterPass(tenant, erasure)).state).toBe('completed')
  expect(await whereIs(one.secret, tenant)).toEqual([])
  expect(await tenant.delivery(id, endpoint.id)).toMatchObject({ erased_at: expect.any(String) })
})
