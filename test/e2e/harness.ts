/** Postern as its users run it: the built Worker on workerd, in processes of its own, with storage on disk. */

import { afterAll, beforeAll, inject } from 'vitest'
import type { BatchResult, Client, CreatedEndpoint, EndpointSpec, NewMessage, Published } from '../../scripts/client.ts'
import { GatewayProcess } from '../../scripts/gateway-process.ts'
import { Receiver } from '../../scripts/receiver.ts'
import { waitFor } from '../../scripts/wait-for.ts'

export { waitFor }

// The API takes up to this many messages in one call.
const BATCH = 100
// Enough to keep two cores busy without queueing up in the client.
const CALLS_AT_ONCE = 8

export interface BreakerState {
  state: 'closed' | 'open' | 'half_open'
  unfinished: number
}

/** A tenant of its own for each test, so that tests can share a gateway. */
export class Tenant {
  readonly path: string
  readonly #client: Client

  private constructor(client: Client, id: string) {
    this.#client = client
    this.path = `/v1/tenants/${id}`
  }

  static async create(operator: Client, id: string): Promise<Tenant> {
    await operator.post('/v1/tenants', { id, name: id })
    return new Tenant(operator, id)
  }

  /** Makes an endpoint for a path of the receiver, which from then on checks its signatures. */
  async endpoint(receiver: Receiver, path: string, spec: Omit<EndpointSpec, 'url'> = {}): Promise<Endpoint> {
    const body: EndpointSpec = { url: receiver.url(path), ...spec }
    const { id, secret } = await this.#client.post<CreatedEndpoint>(`${this.path}/endpoints`, body)
    receiver.expectSecret(path, secret)
    return new Endpoint(this.#client, this.path, id)
  }

  publish(message: NewMessage, headers: Record<string, string> = {}) {
    return this.#client.send<Published>('POST', `${this.path}/messages`, { body: message, headers })
  }

  /**
   * Publishes through the batch API, many calls at once: the order of acceptance is open.
   * @returns ids of the messages, all of them accepted
   */
  async publishMany(messages: NewMessage[]): Promise<string[]> {
    const batches = Array.from({ length: Math.ceil(messages.length / BATCH) }, (_, i) =>
      messages.slice(i * BATCH, (i + 1) * BATCH),
    )
    const ids: string[] = []
    const worker = async () => {
      for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) {
        ids.push(...(await this.publishBatch(batch)))
      }
    }
    await Promise.all(Array.from({ length: CALLS_AT_ONCE }, worker))
    return ids
  }

  async publishBatch(messages: NewMessage[]): Promise<string[]> {
    const path = `${this.path}/messages/batch`
    const { results } = await this.#client.post<{ results: BatchResult[] }>(path, { messages })
    return results.map((result) => {
      if (!('message' in result)) throw new Error(`A message was refused: ${JSON.stringify(result)}`)
      return result.message.id
    })
  }
}

export class Endpoint {
  readonly id: string
  readonly #client: Client
  readonly #tenant_path: string
  readonly #path: string

  constructor(client: Client, tenant_path: string, id: string) {
    this.id = id
    this.#client = client
    this.#tenant_path = tenant_path
    this.#path = `${tenant_path}/endpoints/${id}`
  }

  disable(): Promise<unknown> {
    return this.#client.post(`${this.#path}/disable`)
  }

  enable(): Promise<unknown> {
    return this.#client.post(`${this.#path}/enable`)
  }

  breaker(): Promise<BreakerState> {
    return this.#client.get(`${this.#path}/breaker`)
  }

  /** What a person does who has mended the receiver. */
  resetBreaker(): Promise<unknown> {
    return this.#client.post(`${this.#path}/breaker/reset`)
  }

  /** Waits until the Endpoint has nothing left to do. */
  async finished(): Promise<void> {
    await waitFor(async () => (await this.breaker()).unfinished === 0, {
      limit_ms: 30_000,
      what: `The end of all deliveries to ${this.id}`,
    })
  }

  async deadLetterIds(): Promise<string[]> {
    const ids: string[] = []
    const letters = this.#client.list<{ message_id: string }>(
      `${this.#tenant_path}/dead-letters?endpoint_id=${this.id}`,
    )
    for await (const letter of letters) ids.push(letter.message_id)
    return ids
  }

  redrive(): Promise<unknown> {
    return this.#client.post(`${this.#tenant_path}/dead-letters/redrive`, { endpoint_id: this.id })
  }
}

export interface Shared {
  gateway: GatewayProcess
  receiver: Receiver
}

/**
 * A gateway and a receiver for one test file.
 * @param worker which of the builds it runs
 * @param more settings for its start
 */
export function usePostern(
  worker: 'worker_dir' | 'faulty_worker_dir' = 'worker_dir',
  more: Parameters<typeof GatewayProcess.start>[1] = {},
): Shared {
  const shared = {} as Shared
  beforeAll(async () => {
    shared.receiver = new Receiver()
    await shared.receiver.up()
    shared.gateway = await GatewayProcess.start(inject(worker), more)
  }, 60_000)
  afterAll(async () => {
    await shared.gateway?.close()
    await shared.receiver?.down()
  })
  return shared
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}
