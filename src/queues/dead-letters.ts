import { z } from 'zod'
import { recordExhausted, recordInternal } from '../dead-letters/record.ts'
import type { Bindings } from '../env.ts'
import type { DeadLetterMessage } from './messages.ts'

const RETRY_DELAY_S = 30

const noticeSchema = z.object({
  v: z.literal(1),
  tenant_id: z.string(),
  endpoint_id: z.string(),
  message_id: z.string(),
  event_type: z.string(),
  accepted_at: z.int(),
  died_at: z.int(),
  attempts: z.int(),
  last_status: z.int().nullable(),
  last_error: z.string().nullable(),
})

/**
 * Writes dead letters to D1, each to its kind: notices from Endpoints (`exhausted`, the tenant's), and
 * messages that the other queues gave up on (`internal`, the operator's, kept raw). The batch is one
 * write of each kind, so it is acknowledged or repeated as a whole; both writes are idempotent.
 */
export async function consumeDeadLetters(batch: MessageBatch, env: Bindings, now: number): Promise<void> {
  const exhausted: DeadLetterMessage[] = []
  const internal: Parameters<typeof recordInternal>[1][number][] = []
  for (const { id, body } of batch.messages) {
    const notice = noticeSchema.safeParse(body)
    if (notice.success) exhausted.push(notice.data)
    else internal.push({ queue: queueOf(body), body, error: 'the queue gave up on it', id, now })
  }
  try {
    if (exhausted.length > 0) await recordExhausted(env.DB, exhausted)
    if (internal.length > 0) await recordInternal(env.DB, internal)
  } catch (error) {
    console.warn(
      JSON.stringify({ message: 'dead_letters.unrecorded', count: batch.messages.length, error: String(error) }),
    )
    batch.retryAll({ delaySeconds: RETRY_DELAY_S })
    return
  }
  if (internal.length > 0) console.error(JSON.stringify({ message: 'dead_letters.internal', count: internal.length }))
  batch.ackAll()
}

/** A dead-letter queue does not say where a message came from; its shape does. */
function queueOf(body: unknown): string {
  if (typeof body !== 'object' || body === null) return 'unknown'
  if ('item' in body) return 'fanout'
  return 'position' in body ? 'retries' : 'unknown'
}
