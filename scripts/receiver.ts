import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'

/** How a path of the receiver treats its callers. */
export type Temper =
  | { kind: 'well' }
  | { kind: 'failing' }
  /** Reads the request and never answers. */
  | { kind: 'hanging' }
  | { kind: 'slow'; delay_ms: number }
  /** 429 with Retry-After. */
  | { kind: 'busy'; retry_after_s: number }
  /** 410: never again. */
  | { kind: 'gone' }
  /** Decides by what arrived and how many times it has (1 for the first). */
  | { kind: 'choosy'; status: (arrival: Arrival, times: number) => number; delay_ms: number }

/** One request as it arrived. */
export interface Arrival {
  path: string
  webhook_id: string
  headers: Record<string, string>
  body: string
  /** Unix milliseconds. */
  at: number
  /** By `standardwebhooks`; null when the receiver knows no secret for the path. */
  verified: boolean | null
  /** Null until it was answered; stays null when the caller hung up first. */
  status: number | null
}

interface Path {
  temper: Temper
  secret: Webhook | null
  arrivals: Arrival[]
  /** Of arrival, by webhook-id. */
  times: Map<string, number>
}

export interface ReceiverOptions {
  /** 0 chooses a free one. */
  port?: number
  /** For paths without one of their own. */
  secret?: string
  on_arrival?: (arrival: Arrival) => void
}

/**
 * A real HTTP server that receives webhooks, remembers them, checks their signatures with the
 * official package, and can be told to misbehave, path by path.
 */
export class Receiver {
  #server = createServer((request, response) => void this.#receive(request, response))
  #paths = new Map<string, Path>()
  #port: number
  #secret: Webhook | null
  /** Called for each request once it was answered. */
  on_arrival: (arrival: Arrival) => void

  constructor(options: ReceiverOptions = {}) {
    this.#port = options.port ?? 0
    this.#secret = options.secret === undefined ? null : new Webhook(options.secret)
    this.on_arrival = options.on_arrival ?? (() => {})
  }

  /**
   * Listens; again on the same port after {@link down}.
   * @throws Error with code EADDRINUSE
   */
  async up(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#port, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Refuses connections and breaks those that are open. */
  async down(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }

  get port(): number {
    return this.#port
  }

  url(path: string): string {
    return `http://localhost:${this.#port}${path}`
  }

  become(path: string, temper: Temper): void {
    this.#path(path).temper = temper
  }

  /** From now on checks what arrives at the path against this `whsec_…`. */
  expectSecret(path: string, secret: string): void {
    this.#path(path).secret = new Webhook(secret)
  }

  /** Everything that arrived, answered or not, oldest first. */
  arrivals(path: string): Arrival[] {
    return this.#path(path).arrivals
  }

  /** What was answered 2xx, oldest first. */
  accepted(path: string): Arrival[] {
    return this.arrivals(path).filter((arrival) => arrival.status !== null && arrival.status < 300)
  }

  #path(name: string): Path {
    let path = this.#paths.get(name)
    if (path === undefined) {
      path = { temper: { kind: 'well' }, secret: this.#secret, arrivals: [], times: new Map() }
      this.#paths.set(name, path)
    }
    return path
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request)
    if (body === null) return
    const name = request.url ?? '/'
    const path = this.#path(name)
    const headers = request.headers as Record<string, string>
    const webhook_id = headers['webhook-id'] ?? ''
    const verified = path.secret === null ? null : isSignedWith(path.secret, body, headers)
    const arrival: Arrival = { path: name, webhook_id, headers, body, at: Date.now(), verified, status: null }
    path.arrivals.push(arrival)
    path.times.set(webhook_id, (path.times.get(webhook_id) ?? 0) + 1)
    await this.#answer(path, arrival, response)
    this.on_arrival(arrival)
  }

  async #answer(path: Path, arrival: Arrival, response: ServerResponse): Promise<void> {
    const { temper } = path
    if (temper.kind === 'hanging') return
    if ('delay_ms' in temper) await delay(temper.delay_ms)
    if (response.destroyed) return
    if (temper.kind === 'busy') response.setHeader('retry-after', temper.retry_after_s)
    const status = statusOf(temper, arrival, path.times.get(arrival.webhook_id) ?? 0)
    arrival.status = status
    response.writeHead(status).end(status < 300 ? 'ok' : 'no')
  }
}

function statusOf(temper: Exclude<Temper, { kind: 'hanging' }>, arrival: Arrival, times: number): number {
  switch (temper.kind) {
    case 'well':
    case 'slow':
      return 200
    case 'failing':
      return 500
    case 'busy':
      return 429
    case 'gone':
      return 410
    case 'choosy':
      return temper.status(arrival, times)
  }
}

function isSignedWith(secret: Webhook, body: string, headers: Record<string, string>): boolean {
  try {
    secret.verify(body, headers, { jsonParse: false })
    return true
  } catch {
    return false
  }
}

/** Null when the caller hung up before it was through. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  try {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    return Buffer.concat(chunks).toString()
  } catch {
    return null
  }
}
