import type { EnqueueCall } from '../../durable-objects/endpoint/rpc.ts'
import type { Deps } from '../deps.ts'
import { report } from '../report.ts'
import { type Layout, objectName } from './lanes.ts'
import { type LaneAnswer, type LaneCall, type Offer, type Routed, routeItems } from './route-items.ts'
import { callEndpoint } from './stub.ts'

/** Where offers go, as the caller knows it; what it does not know, the Endpoint does. */
export interface Destination extends Pick<EnqueueCall, 'tenant_id' | 'endpoint_id' | 'settings_version'> {
  layout: Layout
}

/** Offers messages to an endpoint, whichever of its lanes they belong to. Results in their order; never throws. */
export async function enqueue(
  deps: Pick<Deps, 'env' | 'now' | 'waitUntil'>,
  { layout, ...names }: Destination,
  offers: readonly Offer[],
): Promise<Routed[]> {
  const call = async ({ lane, ...call }: LaneCall): Promise<LaneAnswer> => {
    const object_name = objectName(names.endpoint_id, lane)
    try {
      return await callEndpoint(deps.env, object_name, (stub) => stub.enqueue({ ...names, ...call }))
    } catch (error) {
      report(deps, 'endpoint.enqueue_failed', error, { ...names, object_name })
      return null
    }
  }
  const route = routeItems(offers, layout, deps.now())
  for (let answers: LaneAnswer[] = []; ; ) {
    const step = route.next(answers)
    if (step.done) return step.value
    answers = await Promise.all(step.value.map(call))
  }
}
