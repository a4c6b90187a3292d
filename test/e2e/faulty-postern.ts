/** Postern on a platform that can be told to fail, and what must hold once it is well again. */

import { isDeepStrictEqual } from 'node:util'
import { afterEach, expect } from 'vitest'
import type { Answer, Client, NewMessage, Published } from '../../scripts/client.ts'
import { CONTROL_PATH, type FaultPlan, type Strikes } from './faults/plan.ts'
import { type Endpoint, type Shared, type Tenant, usePostern, waitFor } from './harness.ts'

/** The read model lags; after an outage by as much again as the outage took, for it writes less and less often. */
const AGREEMENT_LIMIT_MS = 20_000

export interface Problem {
  status: number
  code: string
  message_id?: string
}

/** What a platform in trouble says, in its own words. */
export const TROUBLE = {
  database: { message: 'D1_ERROR: Network connection lost.' },
  queue: { message: 'Queue send failed: Internal Server Error' },
  object: { message: 'Network connection lost.', marks: { retryable: true } },
  overloaded_object: { message: 'Durable Object is overloaded.', marks: { retryable: true, overloaded: true } },
  bucket_put: { message: 'put: We encountered an internal error. Please try again. (10001)' },
  bucket_get: { message: 'get: We encountered an internal error. Please try again. (10001)' },
} as const

/** The switchboard of the faulty platform. Each test begins with a platform that is well. */
class Faults {
  readonly #shared: Shared

  constructor(shared: Shared) {
    this.#shared = shared
  }

  /** From now on these faults strike, and no others. */
  async set(plan: FaultPlan): Promise<void> {
    await this.#control('PUT', plan)
  }

  /** The platform is well again. */
  async lift(): Promise<void> {
    await this.set({})
  }

  /** How many calls a fault has struck: a test that it never struck shows nothing. */
  async strikes(point: string): Promise<number> {
    const response = await this.#control('GET')
    return ((await response.json()) as Strikes)[point] ?? 0
  }

  #control(method: 'GET' | 'PUT', plan?: FaultPlan): Promise<Response> {
    const body = plan === undefined ? null : JSON.stringify(plan)
    return fetch(`${this.#shared.gateway.url}${CONTROL_PATH}`, { method, body })
  }
}

export function useFaultyPostern(): Shared & { faults: Faults } {
  const shared = usePostern('faulty_worker_dir') as Shared & { faults: Faults }
  shared.faults = new Faults(shared)
  afterEach(() => shared.faults.lift())
  return shared
}

/** Publishes and shows whatever was answered. */
export async function tryPublish(
  tenant: Tenant,
  message: NewMessage,
  headers?: Record<string, string>,
): Promise<Answer<Published & Problem>> {
  return (await tenant.publish(message, headers)) as Answer<Published & Problem>
}

const RETRY_AFTER_S = { unavailable: '5', not_all_placed: '1' }

/** An answer that says: not now, and when to come back. */
export function expectUnavailable(
  { status, headers, body }: Answer<unknown>,
  code: keyof typeof RETRY_AFTER_S = 'unavailable',
): void {
  expect({ status, code: (body as Problem).code }).toEqual({ status: 503, code })
  expect(headers.get('retry-after')).toBe(RETRY_AFTER_S[code])
}

/**
 * What must hold once the platform is well again: every accepted message was accepted by the receiver
 * exactly once, and nothing else was, and the read model says of it what the Endpoint itself says.
 */
export async function expectDeliveredOnce(
  { gateway: { operator }, receiver }: Shared,
  tenant: Tenant,
  targets: readonly { endpoint: Endpoint; path: string; ids: readonly string[] }[],
): Promise<void> {
  for (const { endpoint, path, ids } of targets) {
    await waitFor(() => new Set(receiver.accepted(path).map(({ webhook_id }) => webhook_id)).size >= ids.length, {
      limit_ms: 20_000,
      what: `The arrival of all accepted messages at ${path}`,
    })
    await endpoint.finished()
    expect(
      receiver
        .accepted(path)
        .map(({ webhook_id }) => webhook_id)
        .sort(),
    ).toEqual(ids.toSorted())
  }
  const own = await expectAgreement(
    operator,
    tenant,
    targets.map(({ endpoint }) => endpoint),
  )
  const expected = targets.flatMap(({ endpoint, ids }) => ids.map((id) => `${id}.${endpoint.id}`))
  expect(own.map(({ id }) => id)).toEqual(expected.toSorted())
  expect(own.filter(({ state }) => state !== 'succeeded')).toEqual([])
}

interface DeliveryJson {
  id: string
  state: string
  attempt_count: number
  last_error: string | null
}

/**
 * Waits until the read model says of each delivery exactly what its Endpoint says.
 * @returns what they say
 */
export async function expectAgreement(
  operator: Client,
  tenant: Tenant,
  endpoints: readonly Endpoint[],
): Promise<DeliveryJson[]> {
  const own = (await Promise.all(endpoints.map((endpoint) => deliveriesOf(operator, tenant, endpoint)))).flat()
  own.sort(byId)
  let shown: DeliveryJson[] = []
  const agrees = async () => {
    shown = await collect<DeliveryJson>(operator, `${tenant.path}/deliveries`)
    return isDeepStrictEqual(shown.sort(byId), own)
  }
  await waitFor(agrees, { limit_ms: AGREEMENT_LIMIT_MS, what: 'Agreement', interval_ms: 100 }).catch(() => {
    expect(shown, 'the read model, against the Endpoints themselves').toEqual(own)
  })
  return own
}

/** As the Endpoint itself has them. */
export function deliveriesOf(operator: Client, tenant: Tenant, endpoint: Endpoint): Promise<DeliveryJson[]> {
  return collect<DeliveryJson>(operator, `${tenant.path}/deliveries?endpoint_id=${endpoint.id}`)
}

// Both lists are newest first, but within a millisecond the order is their own.
function byId(a: DeliveryJson, b: DeliveryJson): number {
  return a.id < b.id ? -1 : 1
}

export async function collect<Item>(operator: Client, path: string): Promise<Item[]> {
  const items: Item[] = []
  for await (const item of operator.list<Item>(path)) items.push(item)
  return items
}
