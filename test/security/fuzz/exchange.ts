/** One request and its answer, as they were on the wire. `fetch` would mend paths and headers on the way. */
import { Agent, request } from 'node:http'

export interface Request {
  method: string
  /** With its query. */
  path: string
  headers: [string, string][]
  body: Buffer | null
  framing: 'length' | 'chunked'
}

export interface Answer {
  status: number
  headers: Record<string, string>
  text: string
  took_ms: number
}

/** An answer takes longer than this only where something hangs. */
const LIMIT_MS = 20_000

export class Wire {
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })

  constructor(url: string) {
    this.#port = Number(new URL(url).port)
  }

  close(): void {
    this.#agent.destroy()
  }

  /** @throws Error when there is no answer */
  send({ method, path, headers, body, framing }: Request): Promise<Answer> {
    const began_at = performance.now()
    const framed = [['host', 'localhost'], ...headers, ...framingOf(body, framing)].flat()
    return new Promise((resolve, reject) => {
      const sent = request(
        { host: '127.0.0.1', port: this.#port, method, path, headers: framed, agent: this.#agent, timeout: LIMIT_MS },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers as Record<string, string>,
              text: Buffer.concat(chunks).toString(),
              took_ms: performance.now() - began_at,
            }),
          )
        },
      )
      sent.on('timeout', () => sent.destroy(new Error(`no answer within ${LIMIT_MS} ms`)))
      sent.on('error', reject)
      sent.end(body ?? undefined)
    })
  }
}

function framingOf(body: Buffer | null, framing: Request['framing']): string[][] {
  if (body === null) return []
  return [framing === 'chunked' ? ['transfer-encoding', 'chunked'] : ['content-length', String(body.length)]]
}
