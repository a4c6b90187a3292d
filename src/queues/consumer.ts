import { ZodError } from 'zod'
import type { Bindings } from '../env.ts'
import { consumeDeadLetters } from './dead-letters.ts'
import { consumeFanout } from './fanout.ts'
import { consumeRetry } from './retries.ts'

/** Delay before a failed queue message comes back: 2 s, doubling to an hour. */
const BACKOFF_S_FIRST = 2
const BACKOFF_S_MAX = 3600

/** One batch of one queue. Acknowledged message by message: one that fails never repeats its neighbours. */
export async function consume(batch: MessageBatch, env: Bindings, now: () => number): Promise<void> {
  const name = queueName(batch.queue)
  if (name === 'dead-letters') return consumeDeadLetters(batch, env, now())
  const handle = name === 'fanout' ? consumeFanout : (env: Bindings, body: unknown) => consumeRetry(env, body, now())
  await Promise.all(
    batch.messages.map(async (message) => {
      try {
        await handle(env, message.body)
        message.ack()
      } catch (error) {
        console.warn(JSON.stringify({ message: 'queue.failed', queue: name, id: message.id, error: String(error) }))
        // A body that cannot be read will not become readable: kept raw for the operator at once.
        const delaySeconds = error instanceof ZodError ? 0 : backoff(message.attempts)
        message.retry({ delaySeconds })
      }
    }),
  )
}

export type QueueName = 'fanout' | 'retries' | 'dead-letters'

/** `postern-dead-letters-production` → `dead-letters`. */
function queueName(queue: string): QueueName {
  const name = /^postern-(fanout|retries|dead-letters)-/.exec(queue)?.[1]
  if (name === undefined) throw new Error(`no consumer for queue ${queue}`)
  return name as QueueName
}

function backoff(attempts: number): number {
  return Math.min(BACKOFF_S_FIRST * 2 ** (attempts - 1), BACKOFF_S_MAX)
}
