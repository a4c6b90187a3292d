import type { EnqueueCall } from '../../durable-objects/endpoint/rpc.ts'
import type { Deps } from '../deps.ts'
import { log } from '../lib/log.ts'
import { type Layout, objectName } from './lanes.ts'
import { type LaneAnswer, type LaneCall, type Offer, type Routed, routeItems } from './route-items.ts'
import { callEndpoint } from './stub.ts'

/** Where offers go, as the caller knows it; what it does not know, the Endpoint does. */
export interface Destination extends Pick<EnqueueCall, 'tenant_id' | 'endpoint_id' | 'settings_version'> {
  layout: Layout
}

/** Offers messages to an endpoint, whichever of its lanes they belong to. Results in their order; never throws. */
export async function enqueue(
  { env, now }: Pick<Deps, 'env' | 'now'>,
  { layout, ...names }: Destination,
  offers: readonly Offer[],
): Promise<Routed[]> {
  const call = async ({ lane, ...call }: LaneCall): Promise<LaneAnswer> => {
    const object_name = objectName(names.endpoint_id, lane)
    try {
      return await callEndpoint(env, object_name, (stub) => stub.enqueue({ ...names, ...call }))
    } catch (error) {
      log('warn', 'endpoint.enqueue_failed', { tenant_id: names.tenant_id, object_name, error })
      return null
    }
  }
  const route = routeItems(offers, layout, now())
  for (let answers: LaneAnswer[] = []; ; ) {
    const step = route.next(answers)
    if (step.done) return step.value
    answers = await Promise.all(step.value.map(call))
  }
}
