/** Payloads too large for an Endpoint's row: in R2 before anyone claims custody of a delivery that needs them. */
import { env } from 'cloudflare:workers'
import { expect, it, vi } from 'vitest'
import { createTenant, eventually, type Json, ringAlarm, skip, useReceivers } from './harness.ts'

const INLINE_BYTES_MAX = 96 * 1024
const receivers = useReceivers()

/** Text of this many bytes, beyond ASCII and with what JSON and line endings could spoil. */
function textOf(bytes: number): string {
  const piece = 'é\u0000"\\\r\n '
  const piece_bytes = new TextEncoder().encode(piece).byteLength
  return piece.repeat(bytes / piece_bytes).concat('.'.repeat(bytes % piece_bytes))
}

const raw = (text: string) => ({ data: undefined, raw: text, content_type: 'text/plain' })

it.each([
  { bytes: 0, stored: 0 },
  { bytes: 1, stored: 0 },
  { bytes: INLINE_BYTES_MAX, stored: 0 },
  { bytes: INLINE_BYTES_MAX + 1, stored: 1 },
  { bytes: 256 * 1024, stored: 1 },
])('delivers $bytes bytes exactly as they came, with $stored of them in R2', async ({ bytes, stored }) => {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint()
  const put = vi.spyOn(env.PAYLOADS, 'put')
  const text = textOf(bytes)
  const message_id = await tenant.published(raw(text))
  await tenant.deliveryIn('succeeded', message_id, endpoint.id)
  const [arrival] = receivers.current.arrivals(endpoint.url)
  expect(arrival?.body === text).toBe(true)
  expect(put).toHaveBeenCalledTimes(stored)
})

it('stores a large payload before any Endpoint hears of it', async () => {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint()
  const order: string[] = []
  const put = env.PAYLOADS.put.bind(env.PAYLOADS) as (key: string, value: ArrayBuffer) => Promise<R2Object>
  const get = env.ENDPOINT.get.bind(env.ENDPOINT)
  vi.spyOn(env.PAYLOADS, 'put').mockImplementation((async (key: string, value: ArrayBuffer) => {
    const object = await put(key, value)
    order.push('stored')
    return object
  }) as never)
  vi.spyOn(env.ENDPOINT, 'get').mockImplementation((id) => {
    order.push('called')
    return get(id)
  })
  await tenant.published(raw(textOf(INLINE_BYTES_MAX + 1)))
  expect(order).toEqual(['stored', 'called'])
  await eventually('the arrival', () => receivers.current.arrivals(endpoint.url).length === 1)
})

it.each([
  { what: 'a few endpoints', count: 3, headers: {} },
  { what: 'endpoints beyond the direct ones', count: 22, headers: {} },
  { what: 'a message with an idempotency key', count: 3, headers: { 'idempotency-key': 'large-1' } },
])('writes a large payload once for $what', async ({ count, headers }) => {
  const tenant = await createTenant()
  const endpoints = await Promise.all(Array.from({ length: count }, () => tenant.endpoint()))
  const put = vi.spyOn(env.PAYLOADS, 'put')
  expect((await tenant.publish(raw(textOf(INLINE_BYTES_MAX + 1)), headers)).status).toBe(202)
  await eventually('every arrival', () => endpoints.every(({ url }) => receivers.current.arrivals(url).length === 1))
  expect(put).toHaveBeenCalledTimes(1)
})

it('answers 503 while R2 is down, and a repeat completes', async () => {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint()
  const text = textOf(INLINE_BYTES_MAX + 1)
  const broken = vi.spyOn(env.PAYLOADS, 'put').mockRejectedValue(new Error('R2 is down'))
  const refused = await tenant.publish(raw(text))
  expect(refused.body).toMatchObject({ status: 503, code: 'not_all_placed' })
  expect((await tenant.publish()).status).toBe(202)

  broken.mockRestore()
  const { message_id } = refused.body
  const repeated = await tenant.publish(raw(text), { 'idempotency-key': message_id })
  expect(repeated.body).toMatchObject({ id: message_id, duplicate: false })
  await tenant.deliveryIn('succeeded', message_id, endpoint.id)
})

it('delivers later what R2 could not give, at the cost of no retry, and does not blame the receiver', async () => {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint({ retry_delays_s: [] })
  const broken = vi.spyOn(env.PAYLOADS, 'get').mockRejectedValue(new Error('R2 is down'))
  const message_id = await tenant.published(raw(textOf(INLINE_BYTES_MAX + 1)))
  await tenant.deliveryIn('waiting', message_id, endpoint.id)
  expect((await tenant.call('GET', `/endpoints/${endpoint.id}/breaker`)).body).toMatchObject({
    consecutive_failures: 0,
  })
  broken.mockRestore()
  skip(120_000)
  await ringAlarm(endpoint.id)
  const delivery = await tenant.deliveryIn('succeeded', message_id, endpoint.id)
  expect(delivery.attempt_log.map(({ error }: Json) => error)).toEqual(['interrupted', null])
})
