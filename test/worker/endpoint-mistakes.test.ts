/** A mistake in an Endpoint ends its life at once, and with it all that it was about to send. Sentry hears of it all the same. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, expect, it, vi } from 'vitest'
import type { Endpoint } from '../../durable-objects/endpoint/endpoint.ts'
import { Store } from '../../durable-objects/endpoint/store.ts'
import { createTenant, eventually, stubOf, useReceivers } from './harness.ts'

const SENTRY = 'http://abc@sentry.test/42'

const receivers = useReceivers()

afterEach(() => {
  delete env.SENTRY_DSN
})

it('is sent by the life that follows', async () => {
  env.SENTRY_DSN = SENTRY
  const sent = watchSentry()
  vi.spyOn(console, 'error').mockImplementation(() => {})
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint()
  vi.spyOn(Store.prototype, 'update').mockImplementationOnce(() => {
    throw new TypeError('a mistake of Bearer hunter2')
  })
  const message_id = await tenant.published()
  await eventually('the end of its first life', async () => {
    await runInDurableObject(stubOf(endpoint.id), (object: Endpoint) => object.breaker())
    return sent().length > 0
  })
  const [event] = sent()
  expect(event).toContain('"log":"endpoint.aborted"')
  expect(event).toContain(endpoint.id)
  expect(event).toContain('TypeError')
  expect(event).not.toContain('hunter2')
  // What was under way is done once more, as after every end.
  await tenant.deliveryIn('succeeded', message_id, endpoint.id)
  expect(receivers.current.arrivals(endpoint.url)).toHaveLength(2)
})

/** What Sentry was sent, from now on. */
function watchSentry(): () => string[] {
  const sent: string[] = []
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const request = new Request(input as RequestInfo, init as RequestInit)
    if (!request.url.startsWith('http://sentry.test/')) {
      return receivers.current.receive(input as RequestInfo, init as RequestInit)
    }
    sent.push(await request.text())
    return new Response('{}')
  })
  return () => sent
}
