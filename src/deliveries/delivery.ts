import type { AttemptRecord, ControlResult, DeliveryView } from '../../durable-objects/endpoint/rpc.ts'
import { findEndpoint } from '../endpoints/find-endpoint.ts'
import { callEndpoint } from '../endpoints/stub.ts'
import type { Deps } from '../http/context.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'

const MISSING = err(problem('not_found', 'there is no such delivery'))

/** A delivery's id names its message and its endpoint: `{message id}.{endpoint id}`. */
interface Named {
  message_id: string
  endpoint_id: string
}

export interface Delivery {
  delivery: DeliveryView
  attempts: AttemptRecord[]
}

export async function getDelivery(
  deps: Deps,
  tenant_id: string,
  delivery_id: string,
): Promise<Result<Delivery, Problem>> {
  const named = await nameOf(deps, tenant_id, delivery_id)
  if (!named.ok) return named
  const { message_id, endpoint_id } = named.value
  const found = await callEndpoint(deps.env, endpoint_id, (stub) => stub.get(message_id))
  return found === null ? MISSING : ok(found)
}

/** Attempts it now: an unfinished delivery at once, a finished one from the start. */
export function retryDelivery(
  deps: Deps,
  tenant_id: string,
  delivery_id: string,
): Promise<Result<DeliveryView, Problem>> {
  return control(deps, tenant_id, delivery_id, 'retry')
}

/** Ends a delivery that is not finished and not being attempted this moment. */
export function cancelDelivery(
  deps: Deps,
  tenant_id: string,
  delivery_id: string,
): Promise<Result<DeliveryView, Problem>> {
  return control(deps, tenant_id, delivery_id, 'cancel')
}

async function control(
  deps: Deps,
  tenant_id: string,
  delivery_id: string,
  verb: 'retry' | 'cancel',
): Promise<Result<DeliveryView, Problem>> {
  const named = await nameOf(deps, tenant_id, delivery_id)
  if (!named.ok) return named
  const { message_id, endpoint_id } = named.value
  const [result]: (ControlResult | undefined)[] = await callEndpoint(deps.env, endpoint_id, (stub) =>
    verb === 'retry' ? stub.retry([message_id]) : stub.cancel([message_id]),
  )
  const found = await callEndpoint(deps.env, endpoint_id, (stub) => stub.get(message_id))
  if (found === null || result === 'not_found') return MISSING
  if (result === 'wrong_state')
    return err(problem('wrong_state', `cannot ${verb} a delivery that is ${found.delivery.state}`))
  return ok(found.delivery)
}

/** Only an endpoint of this tenant is ever asked. */
async function nameOf(deps: Deps, tenant_id: string, delivery_id: string): Promise<Result<Named, Problem>> {
  const match = /^(msg_[0-9A-Z]{26})\.(ep_[0-9A-Z]{26})$/.exec(delivery_id)
  const [, message_id, endpoint_id] = match ?? []
  if (message_id === undefined || endpoint_id === undefined) return MISSING
  const found = await findEndpoint(deps, tenant_id, endpoint_id)
  return found.ok ? ok({ message_id, endpoint_id }) : MISSING
}
