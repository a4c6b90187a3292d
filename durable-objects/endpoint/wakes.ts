import type { Bindings } from '../../src/env.ts'
import { delayUntil } from '../../src/queues/delay.ts'
import type { RetryMessage } from '../../src/queues/messages.ts'
import type { Report } from '../../src/report.ts'

const BATCH_MAX = 100

export interface Wake {
  position: number
  /** Unix milliseconds. */
  due_at: number
  /** Of the message, if it has one. */
  trace_id?: string | undefined
}

/**
 * Puts a clock into the retries queue for each delivery. Answers the earliest due time among those
 * that the queue refused, for which the alarm is the only clock left; null when it took them all.
 */
export async function sendWakes(
  queue: Bindings['RETRIES'],
  names: Pick<RetryMessage, 'tenant_id' | 'endpoint_id' | 'object_name'>,
  wakes: readonly Wake[],
  now: number,
  report: Report,
): Promise<number | null> {
  const refused: number[] = []
  for (let from = 0; from < wakes.length; from += BATCH_MAX) {
    const batch = wakes.slice(from, from + BATCH_MAX)
    try {
      await queue.sendBatch(
        batch.map(({ position, due_at, trace_id }) => {
          const body: RetryMessage = { v: 1, ...names, position, due_at, ...(trace_id && { trace_id }) }
          return { body, delaySeconds: delayUntil(due_at, now) }
        }),
      )
    } catch (error) {
      report('retries.refused', error, { count: batch.length })
      refused.push(...batch.map(({ due_at }) => due_at))
    }
  }
  return refused.length === 0 ? null : Math.min(...refused)
}
