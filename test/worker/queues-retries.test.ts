/** The consumer of the retries queue: clocks, acknowledged one by one. What a clock does is in endpoint-retries. */
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import type { RetryMessage } from '../../src/queues/messages.ts'
import {
  breakDatabase,
  breakEndpoint,
  call,
  consumed,
  createTenant,
  type Json,
  skip,
  type TenantHandle,
  useReceivers,
} from './harness.ts'

const receivers = useReceivers()

const retries = (bodies: readonly unknown[], attempts?: number) => consumed('retries', bodies, attempts)

const AGAIN = { again_after_s: expect.any(Number) }

/** A delivery that failed once, and the clock that its Endpoint has put into the queue. */
async function waiting(tenant: TenantHandle, retry_delay_s = 600) {
  const sendBatch = vi.spyOn(env.RETRIES, 'sendBatch').mockResolvedValue(undefined as never)
  const endpoint = await tenant.endpoint({ retry_delays_s: [retry_delay_s] })
  receivers.current.become(endpoint.url, 500)
  const { id: message_id } = (await tenant.publish()).body
  await tenant.deliveryIn('waiting', message_id, endpoint.id)
  receivers.current.become(endpoint.url, 200)
  const clocks = sendBatch.mock.calls.flatMap(([batch]) => [...batch] as MessageSendRequest<RetryMessage>[])
  const clock = clocks.find(({ body }) => body.endpoint_id === endpoint.id)
  if (clock === undefined) throw new Error('the Endpoint has sent no clock')
  return { endpoint, message_id, body: clock.body }
}

describe('a batch of clocks', () => {
  it('rings each, and is acknowledged one by one', async () => {
    const tenant = await createTenant()
    const [one, two] = [await waiting(tenant), await waiting(tenant)]
    skip(900_000)
    expect(await retries([one.body, two.body])).toEqual(['acked', 'acked'])
    for (const { message_id, endpoint } of [one, two]) await tenant.deliveryIn('succeeded', message_id, endpoint.id)
  })

  it('comes again only for the Endpoint that does not answer', async () => {
    const tenant = await createTenant()
    const [well, broken] = [await waiting(tenant), await waiting(tenant)]
    skip(900_000)
    const mendEndpoint = breakEndpoint(broken.endpoint.id)
    expect(await retries([broken.body, well.body])).toEqual([AGAIN, 'acked'])
    await tenant.deliveryIn('succeeded', well.message_id, well.endpoint.id)
    mendEndpoint()
    expect(await retries([broken.body])).toEqual(['acked'])
    await tenant.deliveryIn('succeeded', broken.message_id, broken.endpoint.id)
  })

  it('comes again later each time, an hour at most', async () => {
    const broken = await waiting(await createTenant())
    breakEndpoint(broken.endpoint.id)
    const delays = []
    for (const attempts of [1, 2, 5, 20, 100]) delays.push(await retries([broken.body], attempts))
    expect(delays).toEqual([2, 4, 32, 3600, 3600].map((again_after_s) => [{ again_after_s }]))
  })

  it('stays in the queue when a clock that rang early cannot be set anew', async () => {
    const early = await waiting(await createTenant())
    vi.spyOn(env.RETRIES, 'send').mockRejectedValue(new Error('the queue is down'))
    expect(await retries([early.body])).toEqual([AGAIN])
  })

  it('rings although D1 is down', async () => {
    const tenant = await createTenant()
    const one = await waiting(tenant)
    skip(900_000)
    breakDatabase()
    expect(await retries([one.body])).toEqual(['acked'])
    await tenant.deliveryIn('succeeded', one.message_id, one.endpoint.id)
  })
})

describe('a clock that cannot be read', () => {
  it.each([
    [
      'of a later version',
      { v: 2, tenant_id: 'acme', endpoint_id: 'ep_1', object_name: 'ep_1', position: 1, due_at: 1 },
    ],
    ['without a position', { v: 1, tenant_id: 'acme', endpoint_id: 'ep_1', object_name: 'ep_1', due_at: 1 }],
    ['that is a number', 42],
  ])('%s is at once the operator’s, and no tenant’s', async (_what, body) => {
    expect(await retries([body])).toEqual(['acked'])
    const { data } = (await call('GET', '/v1/dead-letters?reveal=true&limit=250')).body
    const letters = data.filter((letter: Json) => letter.body === JSON.stringify(body))
    expect(letters).toMatchObject([{ cause: 'internal', queue: 'retries' }])
  })
})
