/** A thin client of Postern's API: what the demo, the end-to-end tests and the benches share. */

export interface Answer<Body> {
  status: number
  headers: Headers
  body: Body
}

export interface RequestOptions {
  body?: unknown
  headers?: Record<string, string>
}

export interface Published {
  id: string
  duplicate: boolean
  deliveries: { id: string; endpoint_id: string; state: string }[]
}

export interface NewMessage {
  type: string
  data: unknown
  ordering_key?: string
  channels?: string[]
}

export interface EndpointSpec {
  url: string
  description?: string
  event_types?: string[]
  timeout_ms?: number
  retry_delays_s?: number[]
  max_in_flight?: number
  ordering?: 'none' | 'key' | 'fifo'
  lanes?: number
}

export interface EndpointView {
  id: string
  url: string
  description: string
  status: 'enabled' | 'disabled'
}

export type CreatedEndpoint = EndpointView & { secret: string }

/** What becomes of one message of a batch. */
export type BatchResult = { status: 202; message: Published } | { status: number; code: string; detail: string }

interface Page<Item> {
  data: Item[]
  next_cursor: string | null
}

/** An answer other than the one a caller counted on. */
export class UnexpectedAnswer extends Error {
  readonly status: number

  constructor(method: string, path: string, status: number, body: unknown) {
    super(`${method} ${path} answered ${status}: ${JSON.stringify(body)}`)
    this.status = status
  }
}

export class Client {
  readonly url: string
  readonly key: string

  constructor(url: string, key: string) {
    this.url = url
    this.key = key
  }

  /** Any answer, as it came. */
  async send<Body>(method: string, path: string, options: RequestOptions = {}): Promise<Answer<Body>> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.key}`, 'content-type': 'application/json', ...options.headers },
      body: options.body === undefined ? null : JSON.stringify(options.body),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: parseJson(text) as Body }
  }

  /**
   * The body of a 2xx answer.
   * @throws UnexpectedAnswer
   */
  async call<Body>(method: string, path: string, options: RequestOptions = {}): Promise<Body> {
    const answer = await this.send<Body>(method, path, options)
    if (answer.status >= 300) throw new UnexpectedAnswer(method, path, answer.status, answer.body)
    return answer.body
  }

  get<Body>(path: string): Promise<Body> {
    return this.call('GET', path)
  }

  post<Body>(path: string, body: unknown = {}): Promise<Body> {
    return this.call('POST', path, { body })
  }

  patch<Body>(path: string, body: unknown): Promise<Body> {
    return this.call('PATCH', path, { body })
  }

  /** Every item of a paged list. */
  async *list<Item>(path: string): AsyncGenerator<Item> {
    const separator = path.includes('?') ? '&' : '?'
    let cursor: string | null = null
    do {
      const page: Page<Item> = await this.get(
        `${path}${separator}limit=250${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
      )
      yield* page.data
      cursor = page.next_cursor
    } while (cursor !== null)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
