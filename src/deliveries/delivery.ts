import type { AttemptRecord, DeliveryView } from '../../durable-objects/endpoint/rpc.ts'
import { record } from '../audit/audited.ts'
import { deleteRestarted } from '../dead-letters/delete-dead-letters.ts'
import type { Deps } from '../deps.ts'
import { controlDeliveries, findInLanes, type Reachable } from '../endpoints/call-lanes.ts'
import { requireEndpoint } from '../endpoints/find-endpoint.ts'
import type { TenantAccess } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { parseDeliveryId } from './delivery-id.ts'

const MISSING = err(problem('not_found', 'there is no such delivery'))

export interface Delivery {
  delivery: DeliveryView
  attempts: AttemptRecord[]
}

export async function getDelivery(
  deps: Deps,
  access: TenantAccess,
  delivery_id: string,
): Promise<Result<Delivery, Problem>> {
  const place = await placeOf(deps, access, delivery_id)
  if (!place.ok) return place
  const { message_id, endpoint } = place.value
  const found = await findInLanes<Delivery>(deps.env, endpoint, (stub) => stub.get(message_id))
  return found === null ? MISSING : ok(found)
}

/** Attempts it now: an unfinished delivery at once, a finished one from the start. */
export async function retryDelivery(
  deps: Deps,
  access: TenantAccess,
  delivery_id: string,
): Promise<Result<DeliveryView, Problem>> {
  const started_at = deps.now()
  const retried = await control(deps, access, delivery_id, 'retry')
  // What runs again is no dead letter any more.
  if (retried.ok) await deleteRestarted(deps, access.tenant.id, [delivery_id], started_at)
  return retried
}

/** Ends a delivery that is not finished and not being attempted this moment. */
export function cancelDelivery(
  deps: Deps,
  access: TenantAccess,
  delivery_id: string,
): Promise<Result<DeliveryView, Problem>> {
  return control(deps, access, delivery_id, 'cancel')
}

async function control(
  deps: Deps,
  access: TenantAccess,
  delivery_id: string,
  verb: 'retry' | 'cancel',
): Promise<Result<DeliveryView, Problem>> {
  const place = await placeOf(deps, access, delivery_id)
  if (!place.ok) return place
  const { message_id, endpoint } = place.value
  const noted = await record(deps, access.tenant.id, { action: `delivery.${verb}`, target: delivery_id })
  if (!noted.ok) return noted
  const [result] = await controlDeliveries(deps.env, endpoint, verb, [message_id])
  const found = await findInLanes<Delivery>(deps.env, endpoint, (stub) => stub.get(message_id))
  if (found === null || result === 'not_found') return MISSING
  if (result === 'wrong_state')
    return err(problem('wrong_state', `cannot ${verb} a delivery that is ${found.delivery.state}`))
  return ok(found.delivery)
}

/** Only an endpoint of this tenant is ever asked. */
async function placeOf(
  deps: Deps,
  access: TenantAccess,
  delivery_id: string,
): Promise<Result<{ message_id: string; endpoint: Reachable }, Problem>> {
  const key = parseDeliveryId(delivery_id)
  if (key === null) return MISSING
  const endpoint = await requireEndpoint(deps, access, key.endpoint_id)
  return endpoint.ok ? ok({ message_id: key.message_id, endpoint: endpoint.value }) : MISSING
}
