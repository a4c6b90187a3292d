import { callEndpoint } from '../endpoints/stub.ts'
import type { ConsumerDeps } from './consumer.ts'
import { delayUntil } from './delay.ts'
import { readMessage, retryMessage } from './messages.ts'

/**
 * Wakes the Endpoint of a delayed delivery. One that is not due yet (the delay was longer than a
 * queue can hold, or the delivery was put off meanwhile) gets a new clock.
 * @throws what the Endpoint or the queue throws, or UnprocessableMessage
 */
export async function consumeRetry({ env, now }: ConsumerDeps, queued: unknown): Promise<void> {
  const retry = readMessage(retryMessage, queued)
  const due_at = await callEndpoint(env, retry.object_name, (stub) => stub.wake(retry.position))
  if (due_at === null) return
  await env.RETRIES.send({ ...retry, due_at }, { delaySeconds: delayUntil(due_at, now()) })
}
