import { recordExhausted, recordInternal, type Unprocessable } from '../dead-letters/record.ts'
import { report } from '../report.ts'
import { backoff } from './backoff.ts'
import type { ConsumerDeps } from './consumer.ts'
import { type DeadLetterMessage, deadLetterMessage } from './messages.ts'

/**
 * Writes dead letters to D1, each to its kind: notices from Endpoints (`exhausted`, the tenant's), and
 * messages that the other queues gave up on (`internal`, the operator's, kept raw). The batch is one
 * write of each kind, so it is acknowledged or repeated as a whole; both writes are idempotent.
 */
export async function consumeDeadLetters(batch: MessageBatch, deps: ConsumerDeps): Promise<void> {
  const exhausted: DeadLetterMessage[] = []
  const internal: Unprocessable[] = []
  for (const { id, body } of batch.messages) {
    const notice = deadLetterMessage.safeParse(body)
    if (notice.success) exhausted.push(notice.data)
    else internal.push({ queue: queueOf(body), body, error: 'its queue gave up on it', id, now: deps.now() })
  }
  try {
    if (exhausted.length > 0) await recordExhausted(deps.env.DB, exhausted)
    if (internal.length > 0) await recordInternal(deps.env.DB, internal)
  } catch (error) {
    const { length: count } = batch.messages
    report(deps, 'dead_letters.unrecorded', error, { count })
    batch.retryAll({ delaySeconds: backoff(batch.messages[0]?.attempts ?? 1) })
    return
  }
  batch.ackAll()
}

/** A dead-letter queue does not say where a message came from; its shape does. */
function queueOf(body: unknown): string {
  if (typeof body !== 'object' || body === null) return 'unknown'
  if ('item' in body) return 'fanout'
  if ('position' in body) return 'retries'
  return 'died_at' in body ? 'dead-letters' : 'unknown'
}
