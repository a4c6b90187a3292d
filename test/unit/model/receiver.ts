/** An attempt with everything it needs, and a receiver that is a function. */
import type { AttemptJob, AttemptMeans, FinishedAttempt } from '../../../durable-objects/endpoint/attempt.ts'
import { attempt } from '../../../durable-objects/endpoint/attempt.ts'
import type { SealedSecret } from '../../../durable-objects/endpoint/rpc.ts'
import { type Keyring, parseKeyring, seal } from '../../../src/lib/keyring.ts'

export const MESSAGE_ID = 'msg_01JD9Z6Q3V8M4T2K7N5B1C0XYE'
export const BODY = '{"type":"invoice.paid","timestamp":"2026-01-01T00:00:00.000Z","data":{"amount":250}}'

export const SECRET = `whsec_${btoa('s'.repeat(32))}`

/** What arrived at the receiver. */
export interface Received {
  url: string
  method: string
  headers: Record<string, string>
  body: Uint8Array
  text: string
  redirect: string | undefined
}

type Answer = (request: Received, signal: AbortSignal) => Response | Promise<Response>

interface Wanted {
  destination?: Partial<Omit<AttemptJob['destination'], 'secrets'>>
  secrets?: { secret: string; expires_at?: number }[]
  parcel?: Partial<Omit<AttemptJob['parcel'], 'payload'>>
  payload?: string | Uint8Array | null
  number?: number
  means?: Partial<AttemptMeans>
  answer?: Answer
}

export interface Seen {
  finished: FinishedAttempt
  /** Undefined when nothing was sent. */
  received: Received | undefined
  /** How often the receiver was called. */
  calls: number
  /** What was reported, by name. */
  reports: string[]
}

function keyring(): Keyring {
  const parsed = parseKeyring(`test:${btoa('k'.repeat(32))}`)
  if (!parsed.ok) throw new Error(parsed.error)
  return parsed.value
}

async function sealed(secret: string, expires_at: number | null = null): Promise<SealedSecret> {
  const kind = secret.startsWith('whsec_') ? 'hmac' : 'ed25519'
  return { kind, sealed: await seal(keyring(), secret, 'acme/ep_1'), created_at: 0, expires_at }
}

export async function attemptOnce(wanted: Wanted = {}): Promise<Seen> {
  const { destination, secrets = [{ secret: SECRET }], parcel, payload = BODY, number = 1, means } = wanted
  const { answer = () => new Response('ok') } = wanted
  let received: Received | undefined
  let calls = 0
  const job: AttemptJob = {
    destination: {
      tenant_id: 'acme',
      endpoint_id: 'ep_1',
      url: 'https://hooks.acme.com/postern',
      headers: {},
      secrets: await Promise.all(secrets.map(({ secret, expires_at }) => sealed(secret, expires_at))),
      timeout_ms: 15_000,
      transform: null,
      ...destination,
    },
    parcel: {
      position: 1,
      message_id: MESSAGE_ID,
      event_type: 'invoice.paid',
      content_type: 'application/json',
      format: 'event',
      headers: '{}',
      r2_key: null,
      size_bytes: 0,
      attempts: 0,
      failures: 0,
      order_key: null,
      erased_at: null,
      payload: payload === null ? null : bufferOf(payload),
      ...parcel,
    },
    number,
  }
  const reports: string[] = []
  const finished = await attempt(job, {
    now: () => Date.now(),
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    keyring: keyring(),
    url_policy: { allow_private: false, ports: [443] },
    loadPayload: async () => null,
    report: (message) => reports.push(message),
    fetch: async (input, init) => {
      calls++
      const signal = init?.signal
      if (!(signal instanceof AbortSignal)) throw new Error('an attempt must be abortable')
      received = await read(input, init)
      return answer(received, signal)
    },
    ...means,
  })
  return { finished, received, calls, reports }
}

/** Never answers: ends when the attempt is given up. */
export function hang(_request: Received, signal: AbortSignal): Promise<Response> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  })
}

async function read(input: RequestInfo | URL, init: RequestInit | undefined): Promise<Received> {
  // Through a real Request, which refuses what no client could send.
  const request = new Request(input instanceof URL ? input.href : input, init)
  const body = new Uint8Array(await request.clone().arrayBuffer())
  return {
    url: request.url,
    method: request.method,
    headers: Object.fromEntries(request.headers),
    body,
    text: new TextDecoder().decode(body),
    redirect: init?.redirect,
  }
}

function bufferOf(payload: string | Uint8Array): ArrayBuffer {
  return (typeof payload === 'string' ? new TextEncoder().encode(payload) : payload).slice().buffer as ArrayBuffer
}
