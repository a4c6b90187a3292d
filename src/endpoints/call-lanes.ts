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
 * @throws the error of a lane that did not answer, when no other one knows
 */
export async function findInLanes<T>(
  env: Pick<Bindings, 'ENDPOINT'>,
  endpoint: Reachable,
  ask: (stub: EndpointStub) => Promise<T | null>,
): Promise<T | null> {
  const { answers, error } = await callEach(env, endpoint, ask)
  const found = answers.find((answer) => answer !== null) ?? null
  if (found === null && error !== null) throw error
  return found
}

/**
 * Retries, redrives or cancels deliveries, wherever they are. Results in the order of the ids.
 * @throws the error of a lane that did not answer, when no other one knows one of the ids
 */
export async function controlDeliveries(
  env: Pick<Bindings, 'ENDPOINT'>,
  endpoint: Reachable,
  verb: 'retry' | 'redrive' | 'cancel',
  message_ids: string[],
): Promise<ControlResult[]> {
  const { answers, error } = await callEach<ControlResult[]>(env, endpoint, (stub) => stub[verb](message_ids))
  const results = message_ids.map(
    (_, i) => answers.map((of_lane) => of_lane[i]).find((result) => result !== 'not_found') ?? 'not_found',
  )
  if (error !== null && results.includes('not_found')) throw error
  return results
}

/** The answers of those lanes that gave one, and the error of one that did not. */
async function callEach<T>(
  env: Pick<Bindings, 'ENDPOINT'>,
  { endpoint_id, layout }: Reachable,
  call: (stub: EndpointStub) => Promise<T>,
): Promise<{ answers: T[]; error: unknown }> {
  const settled = await Promise.allSettled(
    everyLane(layout).map((lane) => callEndpoint(env, objectName(endpoint_id, lane), call)),
  )
  return {
    answers: settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
    error: settled.find((one) => one.status === 'rejected')?.reason ?? null,
  }
}

/** One of the tenant's endpoints by its id; one that is not there any more had at least one lane. */
export function reachable(known: readonly Reachable[], endpoint_id: string): Reachable {
  return known.find((endpoint) => endpoint.endpoint_id === endpoint_id) ?? { endpoint_id, layout: ONE_LANE }
}
