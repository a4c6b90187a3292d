import type { ControlResult } from '../../durable-objects/endpoint/rpc.ts'
import type { Bindings } from '../env.ts'
import { everyLane, type Layout, ONE_LANE, objectName } from './lanes.ts'
import { callEndpoint, type EndpointStub } from './stub.ts'

/** What it takes to reach all of an endpoint. */
export interface Reachable {
  endpoint_id: string
  layout: Layout
}

/**
 * Asks lanes at once: every one that may hold something, unless told otherwise. Answers in their order.
 * @throws the error of any
 */
export function callLanes<T>(
  env: Pick<Bindings, 'ENDPOINT'>,
  { endpoint_id, layout }: Reachable,
  call: (stub: EndpointStub, lane: number) => Promise<T>,
  lanes = everyLane(layout),
): Promise<T[]> {
  return Promise.all(lanes.map((lane) => callEndpoint(env, objectName(endpoint_id, lane), (stub) => call(stub, lane))))
}

/**
 * What a lane knows of something that only one of them can know; null when none does.
 * @throws the error of any
 */
export async function findInLanes<T>(
  env: Pick<Bindings, 'ENDPOINT'>,
  endpoint: Reachable,
  ask: (stub: EndpointStub) => Promise<T | null>,
): Promise<T | null> {
  const answers = await callLanes(env, endpoint, ask)
  return answers.find((answer) => answer !== null) ?? null
}

/**
 * Retries, redrives or cancels deliveries, wherever they are. Results in the order of the ids.
 * @throws the error of any lane
 */
export async function controlDeliveries(
  env: Pick<Bindings, 'ENDPOINT'>,
  endpoint: Reachable,
  verb: 'retry' | 'redrive' | 'cancel',
  message_ids: string[],
): Promise<ControlResult[]> {
  const answers: ControlResult[][] = await callLanes(env, endpoint, (stub) => stub[verb](message_ids))
  return message_ids.map((_, i) => {
    const known = answers.map((results) => results[i]).find((result) => result !== 'not_found')
    return known ?? 'not_found'
  })
}

/** One of the tenant's endpoints by its id; one that is not there any more had at least one lane. */
export function reachable(known: readonly Reachable[], endpoint_id: string): Reachable {
  return known.find((endpoint) => endpoint.endpoint_id === endpoint_id) ?? { endpoint_id, layout: ONE_LANE }
}
