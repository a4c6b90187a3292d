/** Postern inside workerd, with receivers that live in the test: the Worker shares this isolate, and so its `fetch`. */
import {
  createExecutionContext,
  createMessageBatch,
  createScheduledController,
  runDurableObjectAlarm,
  runInDurableObject,
  waitOnExecutionContext,
} from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { afterEach, beforeEach, expect, vi } from 'vitest'
import type { Endpoint } from '../../durable-objects/endpoint/endpoint.ts'
import worker from '../../src/index.ts'
import { JOBS } from '../../src/scheduled.ts'

/** One request that an attempt made. */
export interface Arrival {
  url: string
  headers: Headers
  body: string
  /** The body as it came, where text would hide something. */
  bytes: Uint8Array
}

// Longer than `eventually` waits, which says what did not happen: a retry through the queue takes seconds.
vi.setConfig({ testTimeout: 15_000 })

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
      (_arrival, signal) =>
        new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    )
  }

  /** Answers like that, but nobody before the function that this gives is called. */
  hold(url: string, answer = 200): () => void {
    let is_open = false
    this.become(url, async (_arrival, signal) => {
      // Each looks for itself: workerd lets no promise be settled from another object's context.
      while (!is_open && signal?.aborted !== true) await scheduler.wait(5)
      signal?.throwIfAborted()
      return new Response(null, { status: answer })
    })
    return () => {
      is_open = true
    }
  }

  /** What arrived, oldest first. */
  arrivals(url: string): Arrival[] {
    return this.#arrivals.filter((arrival) => arrival.url === url)
  }

  async receive(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init)
    const bytes = new Uint8Array(await request.arrayBuffer())
    const arrival = { url: request.url, headers: request.headers, body: new TextDecoder().decode(bytes), bytes }
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
  // Not `text()`, of which the runtime warns for every type that it does not know as text.
  const answer = new TextDecoder().decode(await response.arrayBuffer())
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

const realNow = Date.now

/** Lets Postern's clock jump ahead, until the test ends. Timers and alarms keep their own, real one. */
export function skip(ms: number): void {
  const ahead_ms = Date.now() - realNow() + ms
  vi.spyOn(Date, 'now').mockImplementation(() => realNow() + ahead_ms)
}

/** Rings an Endpoint's alarm, whatever time it is set to. False when none is set. */
export function ringAlarm(endpoint_id: string): Promise<boolean> {
  return runDurableObjectAlarm(stubOf(endpoint_id))
}

/** When an Endpoint's alarm is set to ring, in Unix milliseconds. */
export function alarmOf(endpoint_id: string): Promise<number | null> {
  return runInDurableObject(stubOf(endpoint_id), (_endpoint, state) => state.storage.getAlarm())
}

/** Ends an Endpoint as a crash does: what it had in flight and in memory is gone, what it stored stays. */
export async function crash(endpoint_id: string): Promise<void> {
  const crashing = runInDurableObject(stubOf(endpoint_id), (_endpoint, state) => state.abort('a test crashed it'))
  await expect(crashing).rejects.toThrow('a test crashed it')
}

/** D1 refuses every statement that fits, until this is called or the test ends. */
export function breakDatabase(isRefused: (sql: string) => boolean = () => true): () => void {
  const prepare = env.DB.prepare.bind(env.DB)
  const refuse = () => Promise.reject(new Error('D1_ERROR: Network connection lost.'))
  const refusing = { first: refuse, all: refuse, run: refuse, raw: refuse } as unknown as D1PreparedStatement
  refusing.bind = () => refusing
  const broken = vi.spyOn(env.DB, 'prepare').mockImplementation((sql) => (isRefused(sql) ? refusing : prepare(sql)))
  return () => broken.mockRestore()
}

/** Calls of this endpoint's object fail, until this is called or the test ends. */
export function breakEndpoint(endpoint_id: string): () => void {
  const get = env.ENDPOINT.get.bind(env.ENDPOINT)
  const broken_id = env.ENDPOINT.idFromName(endpoint_id)
  const refuse = () => Promise.reject(new Error('the object does not answer'))
  const refusing = new Proxy({}, { get: () => refuse }) as DurableObjectStub<Endpoint>
  const broken = vi.spyOn(env.ENDPOINT, 'get').mockImplementation((id) => (id.equals(broken_id) ? refusing : get(id)))
  return () => broken.mockRestore()
}

/** What became of each message of a batch: acknowledged, or to come again after this many seconds. */
type Consumed = 'acked' | { again_after_s: number }

let batches = 0

/** Gives the Worker a batch from a queue. */
export async function consumed(
  queue: 'fanout' | 'retries' | 'releases' | 'dead-letters',
  bodies: readonly unknown[],
  attempts = 1,
): Promise<Consumed[]> {
  batches++
  const messages = bodies.map((body, i) => ({ id: `b${batches}m${i}`, timestamp: Date.now(), attempts, body }))
  const batch = createMessageBatch(`postern-${queue}-dev`, messages)
  const results: (Consumed | undefined)[] = bodies.map(() => undefined)
  const settle = (i: number, result: Consumed) => {
    results[i] ??= result
  }
  const settleAll = (result: Consumed) => {
    for (const i of results.keys()) settle(i, result)
  }
  const again = (options?: QueueRetryOptions) => ({ again_after_s: options?.delaySeconds ?? 0 })
  for (const [i, message] of batch.messages.entries()) {
    vi.spyOn(message, 'ack').mockImplementation(() => settle(i, 'acked'))
    vi.spyOn(message, 'retry').mockImplementation((options) => settle(i, again(options)))
  }
  vi.spyOn(batch, 'ackAll').mockImplementation(() => settleAll('acked'))
  vi.spyOn(batch, 'retryAll').mockImplementation((options) => settleAll(again(options)))
  const context = createExecutionContext()
  await worker.queue(batch, env, context)
  await waitOnExecutionContext(context)
  // What nobody spoke of is acknowledged when the handler returns.
  return results.map((result) => result ?? 'acked')
}

/** Lets the platform start a job, as its cron does. */
export async function runCron(
  job:
    | 'canary.flight'
    | 'sources.release'
    | 'erasures.run'
    | 'retention.rows'
    | 'retention.content'
    | 'retention.payloads'
    | 'audit.upkeep'
    | 'tenants.purge'
    | 'master_keys.rotate',
): Promise<void> {
  const [cron = ''] = Object.entries(JOBS).find(([, { name }]) => name === job) ?? []
  const context = createExecutionContext()
  await worker.scheduled(createScheduledController({ cron, scheduledTime: new Date(Date.now()) }), env, context)
  await waitOnExecutionContext(context)
}
