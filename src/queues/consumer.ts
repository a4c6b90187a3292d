import { recordInternal } from '../dead-letters/record.ts'
import type { Deps } from '../deps.ts'
import { report } from '../report.ts'
import { backoff } from './backoff.ts'
import { consumeDeadLetters } from './dead-letters.ts'
import { consumeFanout } from './fanout.ts'
import { traceOfQueued, UnprocessableMessage } from './messages.ts'
import { consumeRelease } from './releases.ts'
import { consumeRetry } from './retries.ts'

/** What consumers work with. */
export type ConsumerDeps = Pick<Deps, 'env' | 'waitUntil' | 'now'>

type Consumer = (deps: ConsumerDeps, body: unknown) => Promise<void>

/** Queues whose messages are handled one by one; `dead-letters` takes its batch as a whole. */
const CONSUMERS = { fanout: consumeFanout, retries: consumeRetry, releases: consumeRelease } satisfies Record<
  string,
  Consumer
>

/**
 * One batch of one queue.
 * @throws what nobody expected: the platform brings the batch again
 */
export async function consume(batch: MessageBatch, deps: ConsumerDeps): Promise<void> {
  try {
    await consumeBatch(batch, deps)
  } catch (error) {
    report(deps, 'queue.batch_failed', error, { queue: batch.queue, count: batch.messages.length })
    throw error
  }
}

/** Acknowledged message by message: one that fails never repeats its neighbours. */
async function consumeBatch(batch: MessageBatch, deps: ConsumerDeps): Promise<void> {
  const queue = queueName(batch.queue)
  if (queue === 'dead-letters') return consumeDeadLetters(batch, deps)
  await Promise.all(
    batch.messages.map(async (message) => {
      try {
        await CONSUMERS[queue](deps, message.body)
        message.ack()
      } catch (error) {
        const traced = { ...deps, trace: traceOfQueued(message.body) }
        report(traced, 'queue.failed', error, { queue, id: message.id, attempts: message.attempts })
        const is_kept = error instanceof UnprocessableMessage && (await keep(deps, queue, message, error))
        if (is_kept) message.ack()
        else message.retry({ delaySeconds: backoff(message.attempts) })
      }
    }),
  )
}

/** What cannot be processed will not become so: the operator gets it at once, instead of after days of trying. */
async function keep(
  deps: ConsumerDeps,
  queue: string,
  { id, body }: Message,
  { message: error }: UnprocessableMessage,
): Promise<boolean> {
  try {
    await recordInternal(deps.env.DB, [{ queue, body, error, id, now: deps.now() }])
    return true
  } catch (failure) {
    report(deps, 'dead_letters.unrecorded', failure, { count: 1 })
    return false
  }
}

/** `postern-dead-letters-production` → `dead-letters`. */
function queueName(queue: string): keyof typeof CONSUMERS | 'dead-letters' {
  const name = /^postern-(fanout|retries|releases|dead-letters)-/.exec(queue)?.[1]
  if (name === undefined) throw new Error(`no consumer for queue ${queue}`)
  return name as keyof typeof CONSUMERS | 'dead-letters'
}
