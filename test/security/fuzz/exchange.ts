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

class ClosedMeanwhile extends Error {}

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
  async send(request: Request): Promise<Answer> {
    try {
      return await this.#sendOnce(request)
    } catch (error) {
      // A connection that was kept may be closed by the other side just as it is used again, which is nobody's
      // fault (Node's documentation of `request.reusedSocket`).
      if (error instanceof ClosedMeanwhile) return this.#sendOnce(request)
      throw error
    }
  }

  #sendOnce({ method, path, headers, body, framing }: Request): Promise<Answer> {
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
      sent.on('error', (error: NodeJS.ErrnoException) =>
        reject(sent.reusedSocket && error.code === 'ECONNRESET' ? new ClosedMeanwhile() : error),
      )
      sent.end(body ?? undefined)
    })
  }
}

function framingOf(body: Buffer | null, framing: Request['framing']): string[][] {
  if (body === null) return []
  return [framing === 'chunked' ? ['transfer-encoding', 'chunked'] : ['content-length', String(body.length)]]
}
