/** Production lets an object have six connections waiting: an Endpoint makes four attempts itself and hands on the rest. */
import { expect, it, vi } from 'vitest'
import type { AttemptJob } from '../../durable-objects/endpoint/attempt.ts'
import { Courier } from '../../durable-objects/endpoint/courier.ts'
import {
  type Arrival,
  createTenant,
  eventually,
  type Json,
  ringAlarm,
  skip,
  type TenantHandle,
  useReceivers,
} from './harness.ts'

const DIRECT_ATTEMPTS_MAX = 4
const receivers = useReceivers()

const idOf = (arrival: Arrival) => arrival.headers.get('webhook-id') ?? ''

/** Who waits for an answer right now: the messages that a Courier carries, and all that are on their way. */
function watchAttempts(url: string) {
  const carried = new Set<string>()
  const waiting = new Set<string>()
  const answered = new Set<string>()
  let most_direct = 0
  const direct = () => [...waiting].filter((message_id) => !carried.has(message_id))
  const attempt = Courier.prototype.attempt
  vi.spyOn(Courier.prototype, 'attempt').mockImplementation(async function (this: Courier, job: AttemptJob) {
    carried.add(job.parcel.message_id)
    return attempt.call(this, job).finally(() => carried.delete(job.parcel.message_id))
  })
  receivers.current.become(url, async (arrival) => {
    waiting.add(idOf(arrival))
    most_direct = Math.max(most_direct, direct().length)
    // Each looks for itself: workerd lets no promise be settled from another object's context.
    while (!answered.has(idOf(arrival))) await scheduler.wait(5)
    waiting.delete(idOf(arrival))
    return new Response('ok')
  })
  const answer = (message_id: string) => answered.add(message_id)
  return { carried, waiting, answer, direct, mostDirect: () => most_direct }
}

const publishMany = (tenant: TenantHandle, count: number) =>
  Promise.all(Array.from({ length: count }, (_, n) => tenant.published({ data: { n } })))

it('never holds more than four of thirty attempts that hang', { timeout: 20_000 }, async () => {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint({ max_in_flight: 30 })
  const { carried, waiting, answer, direct, mostDirect } = watchAttempts(endpoint.url)

  const message_ids = await publishMany(tenant, 30)
  await eventually('thirty attempts to hang', () => waiting.size === 30)
  expect(direct()).toHaveLength(DIRECT_ATTEMPTS_MAX)
  expect(carried.size).toBe(26)

  // More than there is room for, and answers from the middle, so that places of both kinds become free.
  message_ids.push(...(await publishMany(tenant, 30)))
  await eventually('all sixty to be answered', () => {
    for (const message_id of [...waiting].filter((_, i) => i % 3 === 1 || waiting.size < 3)) answer(message_id)
    return receivers.current.arrivals(endpoint.url).length === 60 && waiting.size === 0
  })
  for (const message_id of message_ids) await tenant.deliveryIn('succeeded', message_id, endpoint.id)
  expect(mostDirect()).toBe(DIRECT_ATTEMPTS_MAX)
})

it('makes four attempts at once without a Courier', async () => {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint()
  const { carried, waiting, answer } = watchAttempts(endpoint.url)
  const message_ids = await publishMany(tenant, 4)
  await eventually('four attempts to hang', () => waiting.size === 4)
  expect(carried.size).toBe(0)
  message_ids.forEach(answer)
})

it('lets a Courier carry what lies in R2, so that it does not weigh on the Endpoint', async () => {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint()
  const attempt = vi.spyOn(Courier.prototype, 'attempt')
  const text = 'é'.repeat(60_000)
  const message_id = await tenant.published({ data: undefined, raw: text, content_type: 'text/plain' })
  await tenant.deliveryIn('succeeded', message_id, endpoint.id)
  expect(attempt.mock.calls.map(([job]) => [job.parcel.message_id, job.parcel.payload])).toEqual([[message_id, null]])
  expect(receivers.current.arrivals(endpoint.url).map(({ body }) => body === text)).toEqual([true])
})

it('makes attempts of both kinds alike', async () => {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint({ headers: { 'x-plan': 'gold' }, transform: '{"n": data.n}' })
  const { carried, waiting, answer } = watchAttempts(endpoint.url)
  const message_ids = await publishMany(tenant, 5)
  await eventually('five attempts to hang', () => waiting.size === 5)
  expect(carried.size).toBe(1)
  message_ids.forEach(answer)
  const deliveries = await Promise.all(message_ids.map((id) => tenant.deliveryIn('succeeded', id, endpoint.id)))
  const shapes = deliveries.map(({ attempt_log: [record] }: Json) => ({
    ...record,
    ...{ id: '', started_at: '', duration_ms: 0 },
    request_headers: Object.keys(record.request_headers),
  }))
  for (const shape of shapes) expect(shape).toEqual(shapes[0])
  const bodies = receivers.current.arrivals(endpoint.url).map(({ body }) => body)
  expect(bodies.toSorted()).toEqual([0, 1, 2, 3, 4].map((n) => `{"n":${n}}`))
})

it('repeats an attempt whose Courier was cut off, at the cost of no retry, and does not blame the receiver', async () => {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint({ retry_delays_s: [] })
  vi.spyOn(Courier.prototype, 'attempt').mockRejectedValueOnce(new Error('the Courier was shut down'))
  const message_id = await tenant.published({ data: 'x'.repeat(100_000) })
  await tenant.deliveryIn('waiting', message_id, endpoint.id)
  expect((await tenant.call('GET', `/endpoints/${endpoint.id}/breaker`)).body).toMatchObject({
    consecutive_failures: 0,
  })
  skip(120_000)
  await ringAlarm(endpoint.id)
  const delivery = await tenant.deliveryIn('succeeded', message_id, endpoint.id)
  expect(delivery.attempt_log).toMatchObject([
    { number: 1, error: 'interrupted', detail: 'the Courier was shut down' },
    { number: 2, error: null },
  ])
  expect(receivers.current.arrivals(endpoint.url)).toHaveLength(1)
})
