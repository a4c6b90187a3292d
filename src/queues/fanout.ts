import type { EnqueueItem } from '../../durable-objects/endpoint/rpc.ts'
import { enqueue } from '../endpoints/enqueue.ts'
import { ONE_LANE } from '../endpoints/lanes.ts'
import { fromBase64 } from '../lib/hash.ts'
import { isOutage, Outage } from '../lib/outage.ts'
import { keptTrace } from '../lib/trace-context.ts'
import type { ConsumerDeps } from './consumer.ts'
import { fanoutMessage, readMessage, UnprocessableMessage } from './messages.ts'

/**
 * Places a message with the Endpoints that its publish did not call. Repeated as a whole when one of
 * them fails or is full: the others answer `duplicate`, and the queue is the custody until all have it.
 * @throws Error naming the Endpoints that did not take it; UnprocessableMessage when it cannot be read, or one holds another
 * message of that id
 */
export async function consumeFanout(deps: ConsumerDeps, queued: unknown): Promise<void> {
  const { tenant_id, item, endpoint_ids, notes, layouts } = readMessage(fanoutMessage, queued)
  const body = 'base64' in item.body ? inline(item.body.base64) : item.body
  const traced = { ...deps, trace: keptTrace(item.headers) }
  const outcomes = await Promise.allSettled(
    endpoint_ids.map(async (endpoint_id) => {
      const enqueued: EnqueueItem = { ...item, body, note: notes[endpoint_id] ?? null }
      // Version 0: the Endpoint's own settings do; it reads D1 only if it has none.
      const layout = layouts[endpoint_id] ?? ONE_LANE
      const destination = { tenant_id, endpoint_id, settings_version: 0, layout }
      const [result] = await enqueue(traced, destination, [{ item: enqueued, may_be_known: true }])
      if (result?.outcome === 'missing') throw new Outage('it did not answer')
      if (result?.outcome === 'full') throw new Outage('it is full')
      return result?.outcome
    }),
  )
  const failures = outcomes.flatMap((outcome, i) =>
    outcome.status === 'rejected' ? [{ text: `${endpoint_ids[i]}: ${outcome.reason}`, reason: outcome.reason }] : [],
  )
  if (failures.length > 0) {
    const text = failures.map(({ text }) => text).join('; ')
    const mistake = failures.find(({ reason }) => !isOutage(reason))
    throw mistake === undefined ? new Outage(text) : new Error(text, { cause: mistake.reason })
  }
  // Was accepted, and cannot be delivered: never let that pass in silence.
  const conflicts = endpoint_ids.filter((_, i) => fulfilled(outcomes[i]) === 'conflict')
  if (conflicts.length > 0)
    throw new UnprocessableMessage(`its id stands for another content at ${conflicts.join(', ')}`)
}

function fulfilled<T>(outcome: PromiseSettledResult<T> | undefined): T | undefined {
  return outcome?.status === 'fulfilled' ? outcome.value : undefined
}

function inline(base64: string): { inline: Uint8Array } {
  const bytes = fromBase64(base64)
  if (!bytes.ok) throw new UnprocessableMessage('its body is not base64')
  return { inline: bytes.value }
}
