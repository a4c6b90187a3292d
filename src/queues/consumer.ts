import { recordInternal } from '../dead-letters/record.ts'
import type { Bindings } from '../env.ts'
import { log } from '../lib/log.ts'
import { backoff } from './backoff.ts'
import { consumeDeadLetters } from './dead-letters.ts'
import { consumeFanout } from './fanout.ts'
import { UnprocessableMessage } from './messages.ts'
import { consumeRetry } from './retries.ts'

type Consumer = (env: Bindings, body: unknown, now: number) => Promise<void>

/** Queues whose messages are handled one by one; `dead-letters` takes its batch as a whole. */
const CONSUMERS = { fanout: consumeFanout, retries: consumeRetry } satisfies Record<string, Consumer>

/** One batch of one queue. Acknowledged message by message: one that fails never repeats its neighbours. */
export async function consume(batch: MessageBatch, env: Bindings, now: () => number): Promise<void> {
  const queue = queueName(batch.queue)
  if (queue === 'dead-letters') return consumeDeadLetters(batch, env, now())
  await Promise.all(
    batch.messages.map(async (message) => {
      try {
        await CONSUMERS[queue](env, message.body, now())
        message.ack()
      } catch (error) {
        log('warn', 'queue.failed', { queue, id: message.id, error })
        const is_kept = error instanceof UnprocessableMessage && (await keep(env, queue, message, error, now()))
        if (is_kept) message.ack()
        else message.retry({ delaySeconds: backoff(message.attempts) })
      }
    }),
  )
}

/** What cannot be processed will not become so: the operator gets it at once, instead of after days of trying. */
async function keep(
  env: Bindings,
  queue: string,
  { id, body }: Message,
  { message: error }: UnprocessableMessage,
  now: number,
): Promise<boolean> {
  try {
    await recordInternal(env.DB, [{ queue, body, error, id, now }])
    return true
  } catch (failure) {
    log('warn', 'dead_letters.unrecorded', { count: 1, error: failure })
    return false
  }
}

/** `postern-dead-letters-production` → `dead-letters`. */
function queueName(queue: string): keyof typeof CONSUMERS | 'dead-letters' {
  const name = /^postern-(fanout|retries|dead-letters)-/.exec(queue)?.[1]
  if (name === undefined) throw new Error(`no consumer for queue ${queue}`)
  return name as keyof typeof CONSUMERS | 'dead-letters'
}
