/** Order: `key` holds up what has the same ordering key, `fifo` everything; whatever ends lets the next go. */
import { describe, expect, it } from 'vitest'
import {
  type Arrival,
  crash,
  createTenant,
  eventually,
  type Json,
  ringAlarm,
  skip,
  type TenantHandle,
  useReceivers,
} from './harness.ts'

const receivers = useReceivers()

const contentOf = ({ body }: Arrival): string => JSON.parse(body).data
const contentsAt = ({ url }: Json) => receivers.current.arrivals(url).map(contentOf)

/** Accepts everything but what one of these is in. */
function refuse(endpoint: Json, ...refused: string[]): void {
  const isRefused = (arrival: Arrival) => refused.includes(contentOf(arrival))
  receivers.current.become(endpoint.url, (arrival) => new Response(null, { status: isRefused(arrival) ? 500 : 200 }))
}

/** One after the other, so that the order in which they were accepted is certain; `a1` has the key `a`. */
async function publishInOrder(tenant: TenantHandle, contents: readonly string[]): Promise<string[]> {
  const message_ids: string[] = []
  for (const data of contents) message_ids.push(await tenant.published({ data, ordering_key: data[0] }))
  return message_ids
}

async function orderedEndpoint(ordering: 'none' | 'key' | 'fifo', settings: Record<string, unknown> = {}) {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint({ ordering, retry_delays_s: [3600], ...settings })
  return { tenant, endpoint }
}

const stateOf = async (tenant: TenantHandle, id: string | undefined, endpoint: Json) =>
  (await tenant.delivery(id ?? '', endpoint.id)).state

async function allSucceed(tenant: TenantHandle, message_ids: readonly string[], endpoint: Json): Promise<void> {
  for (const message_id of message_ids) await tenant.deliveryIn('succeeded', message_id, endpoint.id)
}

const numbered = (count: number) => Array.from({ length: count }, (_, i) => `f${i}`)

describe('key', () => {
  it('lets one of each key be under way at a time, in the order of acceptance', async () => {
    const { tenant, endpoint } = await orderedEndpoint('key')
    const release = receivers.current.hold(endpoint.url)
    const message_ids = await publishInOrder(tenant, ['a1', 'a2', 'b1', 'a3', 'b2'])
    await eventually('one of each key', () => contentsAt(endpoint).length === 2)
    expect(contentsAt(endpoint).toSorted()).toEqual(['a1', 'b1'])
    expect(await stateOf(tenant, message_ids[1], endpoint)).toBe('pending')
    release()
    await allSucceed(tenant, message_ids, endpoint)
    expect(contentsAt(endpoint).filter((content) => content.startsWith('a'))).toEqual(['a1', 'a2', 'a3'])
    expect(contentsAt(endpoint).filter((content) => content.startsWith('b'))).toEqual(['b1', 'b2'])
  })

  it('holds up the key whose first delivery waits for a retry, and no other', async () => {
    const { tenant, endpoint } = await orderedEndpoint('key', { retry_delays_s: [1] })
    refuse(endpoint, 'a1')
    const [a1 = '', a2 = '', ...others] = await publishInOrder(tenant, ['a1', 'a2', 'b1', 'c1'])
    await allSucceed(tenant, others, endpoint)
    expect(contentsAt(endpoint)).not.toContain('a2')
    refuse(endpoint)
    await allSucceed(tenant, [a1, a2], endpoint)
    expect(contentsAt(endpoint).slice(-2)).toEqual(['a1', 'a2'])
  })

  it('says nothing about messages without a key', async () => {
    const { tenant, endpoint } = await orderedEndpoint('key')
    const release = receivers.current.hold(endpoint.url)
    await Promise.all([1, 2, 3].map((data) => tenant.published({ data })))
    await eventually('all three at once', () => contentsAt(endpoint).length === 3)
    release()
  })

  it('keeps the order of a batch', async () => {
    const { tenant, endpoint } = await orderedEndpoint('key')
    const contents = Array.from({ length: 30 }, (_, i) => `${'abc'[i % 3]}${i}`)
    const messages = contents.map((data) => ({ type: 'invoice.paid', data, ordering_key: data[0] }))
    const { body } = await tenant.call('POST', '/messages/batch', { body: { messages } })
    await allSucceed(
      tenant,
      body.results.map(({ message }: Json) => message.id),
      endpoint,
    )
    for (const key of 'abc') {
      const ofKey = (content: string) => content.startsWith(key)
      expect(contentsAt(endpoint).filter(ofKey)).toEqual(contents.filter(ofKey))
    }
  })
})

describe('fifo', () => {
  it('makes one attempt at a time, in the order of acceptance, whatever may be in flight', async () => {
    const { tenant, endpoint } = await orderedEndpoint('fifo', { max_in_flight: 10 })
    let at_once = 0
    let most = 0
    receivers.current.become(endpoint.url, async () => {
      most = Math.max(most, ++at_once)
      await scheduler.wait(1)
      at_once--
      return new Response('ok')
    })
    const message_ids = await publishInOrder(tenant, numbered(20))
    await allSucceed(tenant, message_ids, endpoint)
    expect(contentsAt(endpoint)).toEqual(numbered(20))
    expect(most).toBe(1)
  })

  it('holds up everything while the first waits for a retry', async () => {
    const { tenant, endpoint } = await orderedEndpoint('fifo', { retry_delays_s: [1] })
    refuse(endpoint, 'f0')
    const message_ids = await publishInOrder(tenant, numbered(3))
    await tenant.deliveryIn('waiting', message_ids[0] ?? '', endpoint.id)
    refuse(endpoint)
    await allSucceed(tenant, message_ids, endpoint)
    expect(contentsAt(endpoint)).toEqual(['f0', 'f0', 'f1', 'f2'])
  })

  it('goes on in order after a crash', async () => {
    const { tenant, endpoint } = await orderedEndpoint('fifo')
    const release = receivers.current.hold(endpoint.url)
    const message_ids = await publishInOrder(tenant, numbered(5))
    await eventually('the first attempt', () => contentsAt(endpoint).length === 1)
    await crash(endpoint.id)
    message_ids.push(...(await publishInOrder(tenant, ['f5'])))
    release()
    await ringAlarm(endpoint.id)
    await allSucceed(tenant, message_ids, endpoint)
    expect(contentsAt(endpoint)).toEqual(['f0', ...numbered(6)])
  })

  it('goes on in order after a crash that leaves it with a clock that is behind', async () => {
    const { tenant, endpoint } = await orderedEndpoint('fifo')
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    await publishInOrder(tenant, ['a1', 'a2'])
    await crash(endpoint.id)
    skip(-60_000)
    await publishInOrder(tenant, ['a3'])
    skip(60_000)
    await tenant.call('POST', `/endpoints/${endpoint.id}/enable`)
    await eventually('every arrival', async () => {
      await ringAlarm(endpoint.id)
      return contentsAt(endpoint).length === 3
    })
    expect(contentsAt(endpoint)).toEqual(['a1', 'a2', 'a3'])
  })

  it('goes on in order after a crash while the first waits for its retry', async () => {
    const { tenant, endpoint } = await orderedEndpoint('fifo', { retry_delays_s: [1] })
    refuse(endpoint, 'f0')
    const message_ids = await publishInOrder(tenant, numbered(3))
    await tenant.deliveryIn('waiting', message_ids[0] ?? '', endpoint.id)
    await crash(endpoint.id)
    refuse(endpoint)
    message_ids.push(...(await publishInOrder(tenant, ['f3'])))
    await allSucceed(tenant, message_ids, endpoint)
    expect(contentsAt(endpoint)).toEqual(['f0', ...numbered(4)])
  })
})

describe('the next goes when the one before', () => {
  it.each(['key', 'fifo'] as const)('is dead (%s)', async (ordering) => {
    const { tenant, endpoint } = await orderedEndpoint(ordering, { retry_delays_s: [] })
    refuse(endpoint, 'a1')
    const [a1 = '', a2 = ''] = await publishInOrder(tenant, ['a1', 'a2'])
    await tenant.deliveryIn('dead', a1, endpoint.id)
    await tenant.deliveryIn('succeeded', a2, endpoint.id)
  })

  it.each(['key', 'fifo'] as const)('is cancelled (%s)', async (ordering) => {
    const { tenant, endpoint } = await orderedEndpoint(ordering)
    refuse(endpoint, 'a1')
    const [a1 = '', a2 = '', a3 = ''] = await publishInOrder(tenant, ['a1', 'a2', 'a3'])
    await tenant.deliveryIn('waiting', a1, endpoint.id)
    // One in the middle is simply not there any more.
    await tenant.call('POST', `/deliveries/${a2}.${endpoint.id}/cancel`)
    expect(await stateOf(tenant, a3, endpoint)).toBe('pending')
    await tenant.call('POST', `/deliveries/${a1}.${endpoint.id}/cancel`)
    await tenant.deliveryIn('succeeded', a3, endpoint.id)
    expect(contentsAt(endpoint)).toEqual(['a1', 'a3'])
  })

  it.each(['key', 'fifo'] as const)('started again: it goes to the end (%s)', async (ordering) => {
    const { tenant, endpoint } = await orderedEndpoint(ordering)
    const [a1 = ''] = await publishInOrder(tenant, ['a1'])
    await tenant.deliveryIn('succeeded', a1, endpoint.id)
    const release = receivers.current.hold(endpoint.url)
    const [a2 = '', a3 = ''] = await publishInOrder(tenant, ['a2', 'a3'])
    await tenant.call('POST', `/deliveries/${a1}.${endpoint.id}/retry`)
    release()
    await allSucceed(tenant, [a1, a2, a3], endpoint)
    expect(contentsAt(endpoint)).toEqual(['a1', 'a2', 'a3', 'a1'])
  })
})

it('a duplicate takes no place in the order', async () => {
  const { tenant, endpoint } = await orderedEndpoint('fifo')
  const release = receivers.current.hold(endpoint.url)
  const publish = (data: string) => tenant.publish({ data }, { 'idempotency-key': data })
  const contents = ['f1', 'f2', 'f1', 'f2', 'f3']
  const message_ids: string[] = []
  for (const data of contents) message_ids.push((await publish(data)).body.id)
  release()
  await allSucceed(tenant, message_ids, endpoint)
  expect(contentsAt(endpoint)).toEqual(['f1', 'f2', 'f3'])
})
