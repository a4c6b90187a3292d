/** The consumer of the fan-out queue, which is the custody of what no Endpoint holds yet. */
import { describe, expect, it } from 'vitest'
import { toBase64 } from '../../src/lib/hash.ts'
import type { FanoutMessage } from '../../src/queues/messages.ts'
import {
  breakDatabase,
  breakEndpoint,
  call,
  consumed,
  createTenant,
  eventually,
  type Json,
  useReceivers,
} from './harness.ts'

const receivers = useReceivers()

const arrivalsAt = (endpoint: Json) => receivers.current.arrivals(endpoint.url)

const AGAIN = { again_after_s: expect.any(Number) }

let messages = 0

/** What a publish leaves in the queue for these endpoints. */
function fanoutTo(
  endpoints: readonly Json[],
  tenant_id: string,
  item: Partial<FanoutMessage['item']> = {},
): FanoutMessage {
  const accepted_at = Date.now()
  return {
    v: 1,
    tenant_id,
    item: {
      message_id: `msg_Z${String(++messages).padStart(25, '0')}`,
      event_type: 'invoice.paid',
      content_type: 'text/plain',
      format: 'raw',
      headers: {},
      channels: [],
      ordering_key: null,
      accepted_at,
      fingerprint: 'f'.repeat(64),
      body: { base64: toBase64(new TextEncoder().encode('hällo')) },
      ...item,
    },
    endpoint_ids: endpoints.map(({ id }) => id),
    notes: {},
  }
}

const fanout = (bodies: readonly unknown[], attempts?: number) => consumed('fanout', bodies, attempts)

const internalLetters = async (body: unknown): Promise<Json[]> => {
  const { data } = (await call('GET', '/v1/dead-letters?reveal=true&limit=250')).body
  return data.filter((letter: Json) => letter.body === JSON.stringify(body))
}

describe('a message in the fan-out queue', () => {
  it('is placed with each of its endpoints, byte for byte', async () => {
    const tenant = await createTenant()
    const endpoints = [await tenant.endpoint(), await tenant.endpoint()]
    const body = fanoutTo(endpoints, tenant.id)
    expect(await fanout([body])).toEqual(['acked'])
    for (const endpoint of endpoints) await tenant.deliveryIn('succeeded', body.item.message_id, endpoint.id)
    expect(endpoints.flatMap(arrivalsAt).map((arrival) => arrival.body)).toEqual(['hällo', 'hällo'])
  })

  it('that comes twice is delivered once', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const body = fanoutTo([endpoint], tenant.id)
    await fanout([body, body])
    await fanout([body])
    await tenant.deliveryIn('succeeded', body.item.message_id, endpoint.id)
    expect(arrivalsAt(endpoint)).toHaveLength(1)
  })

  it('keeps on its delivery why a filter could not be evaluated', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const body = { ...fanoutTo([endpoint], tenant.id), notes: { [endpoint.id]: 'filter_failed: broken' } }
    await fanout([body])
    expect(await tenant.deliveryIn('succeeded', body.item.message_id, endpoint.id)).toMatchObject({
      reason: 'filter_failed: broken',
    })
  })

  it('for an endpoint that was deleted meanwhile is done with', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await tenant.call('DELETE', `/endpoints/${endpoint.id}`)
    const body = fanoutTo([endpoint], tenant.id)
    await eventually('it to be acknowledged', async () => (await fanout([body]))[0] === 'acked')
    expect(arrivalsAt(endpoint)).toEqual([])
  })

  it('reaches an Endpoint that knows its settings although D1 is down', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    breakDatabase()
    expect(await fanout([fanoutTo([endpoint], tenant.id)])).toEqual(['acked'])
    await eventually('the arrival', () => arrivalsAt(endpoint).length === 1)
  })
})

describe('a message that cannot be placed everywhere', () => {
  it('comes again, later each time, and holds up neither its neighbours nor its other endpoints', async () => {
    const tenant = await createTenant()
    const [well, broken] = [await tenant.endpoint(), await tenant.endpoint()]
    const mendEndpoint = breakEndpoint(broken.id)
    const bodies = [fanoutTo([well], tenant.id), fanoutTo([broken, well], tenant.id), fanoutTo([well], tenant.id)]
    expect(await fanout(bodies)).toEqual(['acked', AGAIN, 'acked'])
    await eventually('the arrivals', () => arrivalsAt(well).length === 3)
    const delays = []
    for (const attempts of [1, 2, 5, 20, 100]) delays.push(await fanout(bodies.slice(1, 2), attempts))
    expect(delays).toEqual([2, 4, 32, 3600, 3600].map((again_after_s) => [{ again_after_s }]))

    mendEndpoint()
    expect(await fanout(bodies.slice(1, 2), 6)).toEqual(['acked'])
    await eventually('the arrival', () => arrivalsAt(broken).length === 1)
    expect(arrivalsAt(well)).toHaveLength(3)
  })

  it('because an endpoint is full comes again until there is room', async () => {
    const tenant = await createTenant({ limits: { unfinished_per_endpoint: 1 } })
    const endpoint = await tenant.endpoint()
    const release = receivers.current.hold(endpoint.url)
    const [first, second] = [fanoutTo([endpoint], tenant.id), fanoutTo([endpoint], tenant.id)]
    expect(await fanout([first])).toEqual(['acked'])
    expect(await fanout([second])).toEqual([AGAIN])
    release()
    await tenant.deliveryIn('succeeded', first.item.message_id, endpoint.id)
    expect(await fanout([second])).toEqual(['acked'])
    await tenant.deliveryIn('succeeded', second.item.message_id, endpoint.id)
  })
})

describe('a message that cannot be read', () => {
  const unreadable = (): [string, unknown][] => {
    const valid = fanoutTo([{ id: 'ep_01JD9Z5M2R7W3H6F4A8G9D1QTS' }], 'acme')
    return [
      ['of a later version', { ...valid, v: 2 }],
      ['without an item', { ...valid, item: undefined, lost: 1 }],
      ['whose body is not base64', { ...valid, item: { ...valid.item, body: { base64: '*' } } }],
      ['that is text', 'hello fan-out'],
      ['that is nothing', null],
    ]
  }

  it.each(unreadable())('%s is at once the operator’s, with its raw body and its queue', async (_what, body) => {
    expect(await fanout([body])).toEqual(['acked'])
    expect(await internalLetters(body)).toMatchObject([
      { cause: 'internal', queue: 'fanout', error: expect.stringMatching(/.+/) },
    ])
  })

  it('holds up none of its neighbours', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const readable = fanoutTo([endpoint], tenant.id)
    expect(await fanout([{ v: 9 }, readable])).toEqual(['acked', 'acked'])
    await tenant.deliveryIn('succeeded', readable.item.message_id, endpoint.id)
  })

  it('stays in the queue while D1 cannot take it', async () => {
    breakDatabase()
    expect(await fanout([{ v: 10 }])).toEqual([AGAIN])
  })
})
