/** A Sentry that keeps what it is sent: the ingest endpoint as documented, read with Sentry's own parser. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseEnvelope } from '@sentry/core'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { waitFor } from './harness.ts'

/** Of https://develop.sentry.dev/sdk/data-model/event-payloads/, what the tests look at. */
interface SentryEvent {
  event_id: string
  environment: string
  release: string
  platform: string
  tags: Record<string, string>
  extra: Record<string, unknown>
  request?: unknown
  user?: unknown
  breadcrumbs?: unknown
  exception: {
    values: { type: string; value: string; stacktrace?: { frames: { filename?: string; function?: string }[] } }[]
  }
}

interface Sent {
  path: string
  query: string
  /** All of the request's body, to look for what must not be in it. */
  text: string
  event: SentryEvent
}

type Behaviour = 'takes' | 'refuses' | 'limits' | 'hangs'

export class FakeSentry {
  readonly sent: Sent[] = []
  behaviour: Behaviour = 'takes'
  /** Requests, whatever became of them. */
  asked = 0
  readonly #server: Server = createServer((request, response) => void this.#answer(request, response))

  async up(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
  }

  async down(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  get dsn(): string {
    return `http://0123456789abcdef@127.0.0.1:${(this.#server.address() as AddressInfo).port}/42`
  }

  /** The first event with this name in the log that comes, or has come. */
  async event(log: string): Promise<Sent> {
    const find = () => this.sent.find(({ event }) => event.tags.log === log)
    await waitFor(() => find() !== undefined, { limit_ms: 20_000, what: `The event ${log} at Sentry` })
    const found = find()
    if (found === undefined) throw new Error('it was there')
    return found
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.asked++
    if (this.behaviour === 'hangs') return
    let text = ''
    for await (const chunk of request.setEncoding('utf8')) text += chunk
    if (this.behaviour === 'refuses') return void response.writeHead(500).end('down')
    if (this.behaviour === 'limits') return void response.writeHead(429, { 'retry-after': '60' }).end()
    const url = new URL(request.url ?? '', 'http://sentry.test')
    const [, items] = parseEnvelope(text)
    for (const [{ type }, event] of items) {
      if (type === 'event')
        this.sent.push({ path: url.pathname, query: url.search, text, event: event as unknown as SentryEvent })
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"1"}')
  }
}

/** One for a test file, well and empty at each test's beginning. */
export function useSentry(): FakeSentry {
  const sentry = new FakeSentry()
  beforeAll(() => sentry.up())
  beforeEach(() => {
    sentry.behaviour = 'takes'
    sentry.sent.length = 0
    sentry.asked = 0
  })
  afterAll(() => sentry.down())
  return sentry
}
