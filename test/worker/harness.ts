/** Postern inside workerd, with receivers that live in the test: the Worker shares this isolate, and so its `fetch`. */
import { env, exports } from 'cloudflare:workers'
import { afterEach, beforeEach, expect, vi } from 'vitest'
import type { Endpoint } from '../../durable-objects/endpoint/endpoint.ts'

/** One request that an attempt made. */
export interface Arrival {
  url: string
  headers: Headers
  body: string
}

type Answer = (arrival: Arrival, signal: AbortSignal | null | undefined) => Response | Promise<Response>

const OK: Answer = () => new Response('ok')

/** Every destination that Postern calls, and what each answers. */
export class Receivers {
  readonly #arrivals: Arrival[] = []
  readonly #answers = new Map<string, Answer>()

  /** From now on this URL answers like that: a status, or whatever a function makes of the arrival. */
  become(url: string, answer: number | Answer): void {
    this.#answers.set(url, typeof answer === 'number' ? () => new Response(null, { status: answer }) : answer)
  }

  /** Answers never, until the attempt gives up. */
  hang(url: string): void {
    this.become(
      url,
      (_arrival, signal) => new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    )
  }

  /** What arrived, oldest first. */
  arrivals(url: string): Arrival[] {
    return this.#arrivals.filter((arrival) => arrival.url === url)
  }

  async receive(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init)
    const arrival = { url: request.url, headers: request.headers, body: await request.text() }
    this.#arrivals.push(arrival)
    return (this.#answers.get(arrival.url) ?? OK)(arrival, init?.signal)
  }
}

/** Fresh receivers for each test of a file. */
export function useReceivers(): { current: Receivers } {
  const shared = { current: new Receivers() }
  beforeEach(() => {
    shared.current = new Receivers()
    vi.spyOn(globalThis, 'fetch').mockImplementation((input, init) =>
      shared.current.receive(input as RequestInfo, init as RequestInit),
    )
  })
  afterEach(() => {
    vi.restoreAllMocks()
  })
  return shared
}

// biome-ignore lint/suspicious/noExplicitAny: a test looks at what it asserts, whatever its shape
export type Json = any

export interface Reply {
  status: number
  headers: Headers
  body: Json
}

export interface CallOptions {
  key?: string | null
  body?: unknown
  /** A body that is not JSON, as it is. */
  text?: string
  headers?: Record<string, string>
}

/** Asks the API; with the operator's key unless told otherwise. */
export async function call(method: string, path: string, options: CallOptions = {}): Promise<Reply> {
  const { key = env.POSTERN_OPERATOR_KEY ?? '', body, text } = options
  const response = await exports.default.fetch(`https://postern.test${path}`, {
    method,
    headers: {
      ...(key !== null && { authorization: `Bearer ${key}` }),
      ...((body !== undefined || text !== undefined) && { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...((body !== undefined || text !== undefined) && { body: text ?? JSON.stringify(body) }),
  })
  const answer = await response.text()
  return { status: response.status, headers: response.headers, body: answer === '' ? null : parse(answer) }
}

function parse(text: string): Json {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

let tenants = 0

/** A tenant that no other test has, made by the operator. */
export async function createTenant(settings: Record<string, unknown> = {}): Promise<TenantHandle> {
  const id = `t${++tenants}-${crypto.randomUUID().slice(0, 8)}`
  const { status, body } = await call('POST', '/v1/tenants', { body: { id, name: id, ...settings } })
  expect(status, JSON.stringify(body)).toBe(201)
  return new TenantHandle(id)
}

export class TenantHandle {
  readonly id: string
  readonly path: string

  constructor(id: string) {
    this.id = id
    this.path = `/v1/tenants/${id}`
  }

  /** Below this tenant's path, with the operator's key unless told otherwise. */
  call(method: string, path: string, options: CallOptions = {}): Promise<Reply> {
    return call(method, `${this.path}${path}`, options)
  }

  async key(role: string): Promise<string> {
    const { status, body } = await this.call('POST', '/keys', { body: { name: role, role } })
    expect(status, JSON.stringify(body)).toBe(201)
    return body.key
  }

  /** An endpoint as its creation answered it, secret included. */
  async endpoint(settings: Record<string, unknown> = {}): Promise<Json> {
    const url = `https://receiver.test/${crypto.randomUUID()}`
    const { status, body } = await this.call('POST', '/endpoints', { body: { url, ...settings } })
    expect(status, JSON.stringify(body)).toBe(201)
    return body
  }

  publish(message: Record<string, unknown> = {}, headers: Record<string, string> = {}): Promise<Reply> {
    return this.call('POST', '/messages', { body: { type: 'invoice.paid', data: { amount: 42 }, ...message }, headers })
  }

  /** The id of a message that was accepted. */
  async published(message: Record<string, unknown> = {}): Promise<string> {
    const { status, body } = await this.publish(message)
    expect(status, JSON.stringify(body)).toBe(202)
    return body.id
  }

  /** A delivery with its attempts. */
  async delivery(message_id: string, endpoint_id: string): Promise<Json> {
    return (await this.call('GET', `/deliveries/${message_id}.${endpoint_id}`)).body
  }

  /** The delivery, once it is in this state. */
  deliveryIn(state: string, message_id: string, endpoint_id: string): Promise<Json> {
    return eventually(`the delivery to be ${state}`, async () => {
      const delivery = await this.delivery(message_id, endpoint_id)
      return delivery.state === state && delivery
    })
  }
}

/** The Durable Object of an endpoint. */
export function stubOf(endpoint_id: string): DurableObjectStub<Endpoint> {
  return env.ENDPOINT.get(env.ENDPOINT.idFromName(endpoint_id))
}

/**
 * Looks until the condition gives something, and hands it out.
 * @throws Error naming what did not happen in time
 */
export async function eventually<Found>(
  what: string,
  look: () => Found | false | null | undefined | Promise<Found | false | null | undefined>,
  limit_ms = 8000,
): Promise<Found> {
  for (const deadline = performance.now() + limit_ms; ; ) {
    const found = await look()
    if (found !== false && found !== null && found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`waited ${limit_ms} ms for ${what}`)
    await scheduler.wait(10)
  }
}
