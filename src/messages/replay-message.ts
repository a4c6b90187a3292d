import type { EnqueueItem } from '../../durable-objects/endpoint/rpc.ts'
import { record } from '../audit/audited.ts'
import { deleteRestarted } from '../dead-letters/delete-dead-letters.ts'
import { formatDeliveryId } from '../deliveries/delivery-id.ts'
import type { Deps } from '../deps.ts'
import { controlDeliveries } from '../endpoints/call-lanes.ts'
import { enqueue } from '../endpoints/enqueue.ts'
import type { TenantConfiguration } from '../http/access.ts'
import { CONTENT_ERASED, CONTENT_EXPIRED, type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { findMessage } from './get-message.ts'
import { findHolders } from './holders.ts'

/**
 * Sends a message again: starts the finished deliveries of its endpoints, and places it with named
 * endpoints that never had it. Answers the endpoints it goes to.
 */
export async function replayMessage(
  deps: Deps,
  access: TenantConfiguration,
  message_id: string,
  endpoint_ids: string[] | undefined,
): Promise<Result<string[], Problem>> {
  const started_at = deps.now()
  const own = new Map(access.subscriptions.map((subscription) => [subscription.endpoint_id, subscription]))
  const foreign = endpoint_ids?.find((endpoint_id) => !own.has(endpoint_id))
  if (foreign !== undefined) return err(problem('not_found', `there is no endpoint ${foreign}`))
  const message = await findMessage(deps, access, message_id)
  if (message === null) return err(problem('not_found', 'there is no such message'))
  if (message.erased_at !== null) return err(CONTENT_ERASED)
  const { body, size_bytes: _, erased_at: _erased, ...rest } = message
  if (body === null) return err(CONTENT_EXPIRED)

  const after = { endpoint_ids: endpoint_ids ?? null }
  const noted = await record(deps, access.tenant.id, { action: 'message.replay', target: message_id, after })
  if (!noted.ok) return noted
  const wanted = endpoint_ids ?? (await findHolders(deps, access, message_id)).map(({ endpoint_id }) => endpoint_id)
  const endpoints = wanted.flatMap((endpoint_id) => own.get(endpoint_id) ?? [])
  const restarted = await Promise.all(
    endpoints.map(async ({ endpoint_id, settings_version, layout }) => {
      const [result] = await controlDeliveries(deps.env, { endpoint_id, layout }, 'retry', [message_id])
      if (result === 'expired' || result === 'erased') return false
      if (result !== 'not_found') return true
      // Without being named, an endpoint that never had the message does not get it now.
      if (endpoint_ids === undefined) return false
      const item: EnqueueItem = { ...rest, body, note: 'replayed' }
      const destination = { tenant_id: access.tenant.id, endpoint_id, settings_version, layout }
      const [placed] = await enqueue(deps, destination, [{ item, may_be_known: true }])
      return placed?.outcome === 'accepted' || placed?.outcome === 'duplicate'
    }),
  )
  const replayed = endpoints.flatMap(({ endpoint_id }, i) => (restarted[i] ? [endpoint_id] : []))
  const delivery_ids = replayed.map((endpoint_id) => formatDeliveryId({ message_id, endpoint_id }))
  await deleteRestarted(deps, access.tenant.id, delivery_ids, started_at)
  return ok(replayed)
}
