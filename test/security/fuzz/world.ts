/** What an episode plays in: two tenants that nobody else has, who may ask, and the ids that are known by then. */
import { waitFor } from '../../../scripts/wait-for.ts'
import { EXPECTED, mayUse, ROLES } from '../expected-access.ts'
import type { Operation } from './document.ts'
import type { Answer, Request, Wire } from './exchange.ts'
import type { Caller, Drawn } from './requests.ts'

// biome-ignore lint/suspicious/noExplicitAny: an answer is looked at for ids, whatever its shape
type Body = any

const SETTLED_LIMIT_MS = 20_000

/** What the narrowed key may do: every other permission of an admin. */
export const NARROWED_SCOPES = [...EXPECTED.keys()]
  .filter((name) => mayUse('admin', name))
  .filter((_, i) => i % 2 === 0)

/** Ids remembered of each kind; older ones are forgotten. */
const KNOWN_MAX = 8

/** Looked at before and after: all that an operator can see of the other tenant. */
const SHOWN = [
  '',
  '/endpoints',
  '/sources',
  '/event-types/order.theirs',
  '/keys',
  '/messages/{message}',
  '/messages/{message}/deliveries',
  // Which tells of whatever else was done to it.
  '/audit-log',
]

export class World {
  readonly mine: string
  readonly theirs: string
  readonly keys: Record<Caller, string | null>
  /** By kind, newest last. */
  readonly known: Record<string, string[]>
  /** Paths of what has to go at the end, however long ago it was made. */
  readonly #made = new Set<string>()
  readonly #wire: Wire
  readonly #operator: string

  private constructor(wire: Wire, operator: string, id: string) {
    this.#wire = wire
    this.#operator = operator
    this.mine = `mine-${id}`
    this.theirs = `theirs-${id}`
    this.keys = { operator, nobody: null, made_up: `pst_live_${'0'.repeat(38)}` } as World['keys']
    this.known = { mine: [this.mine], theirs: [this.theirs] }
  }

  /** @param id of the episode, which no other that runs at the same time has */
  static async create(wire: Wire, operator: string, id: string): Promise<World> {
    const world = new World(wire, operator, id)
    await Promise.all([world.#furnish(world.mine, ''), world.#furnish(world.theirs, 'their_'), world.#spare(id)])
    const made = [...ROLES, 'narrowed' as const].map(async (name) => {
      const fields = name === 'narrowed' ? { role: 'admin', scopes: NARROWED_SCOPES } : { role: name }
      const { key } = await world.ask('POST', `/v1/tenants/${world.mine}/keys`, { name, ...fields })
      world.keys[name] = key
    })
    await Promise.all(made)
    await waitFor(() => world.#isSettled(), { limit_ms: SETTLED_LIMIT_MS, what: 'The end of the first deliveries' })
    return world
  }

  /** An operator's request that has to succeed. */
  async ask(method: string, path: string, body?: unknown): Promise<Body> {
    const { status, text } = await this.#wire.send({
      method,
      path,
      headers: [
        ['authorization', `Bearer ${this.#operator}`],
        ['content-type', 'application/json'],
      ],
      body: body === undefined ? null : Buffer.from(JSON.stringify(body)),
      framing: 'length',
    })
    if (status >= 300) throw new Error(`${method} ${path} answered ${status}: ${text}`)
    return text === '' ? null : JSON.parse(text)
  }

  /** The request as it goes out, with the ids that are known now. */
  fill({ method, path, query, headers, body, framing, caller }: Drawn): Request {
    const key = this.keys[caller]
    const params = query.map(([name, value]) => `${inUrl(name)}=${inUrl(this.#fill(value))}`)
    return {
      method,
      path: this.#fill(path) + (params.length === 0 ? '' : `?${params.join('&')}`),
      headers: [...headers, ...(key === null ? [] : [['authorization', `Bearer ${key}`] as [string, string]])],
      body: body?.includes('{') === true && isText(body) ? Buffer.from(this.#fill(body.toString())) : body,
      framing,
    }
  }

  /** Remembers what an accepted request made or showed. */
  learn({ name }: Operation, tenant: string | undefined, { status, headers, text }: Answer): void {
    if (status >= 300 || headers['content-type'] !== 'application/json') return
    const body: Body = JSON.parse(text)
    if (name === 'POST /v1/tenants') this.#know('spare', body.id)
    if (name === 'POST /v1/keys' || name === 'POST /v1/keys/{key}/rotate') this.#know('operator_key', body.id)
    if (tenant !== this.mine) return
    this.#know('cursor', body.next_cursor)
    if (name.endsWith('/keys')) this.#know('key', body.id)
    if (name.endsWith('/endpoints')) this.#know('endpoint', body.id)
    if (name.endsWith('/event-types')) this.#know('name', body.name)
    if (name.endsWith('/sources')) this.#know('source', body.id)
    if (name.endsWith('/erasures')) this.#know('erasure', body.id)
    if (name.endsWith('/messages')) this.#know('message', body.id)
    for (const { id } of body.deliveries ?? []) this.#know('delivery', id)
    if (name.endsWith('/dead-letters')) for (const { id } of body.data) this.#know('delivery', id)
  }

  /** All that belongs to the other tenant, each path's answer as text to compare. */
  async theirState(): Promise<Record<string, string>> {
    const paths = SHOWN.map(
      (path) => `/v1/tenants/${this.theirs}${this.#fill(path.replaceAll(/\{(\w+)\}/g, '{their_$1:0}'))}`,
    )
    const answers = await Promise.all(paths.map(async (path) => JSON.stringify(await this.ask('GET', path))))
    return Object.fromEntries(SHOWN.map((path, i) => [path, answers[i] ?? '']))
  }

  /** Leaves nothing behind that goes on working. What is gone already is fine. */
  async end(): Promise<void> {
    const gone = async (path: string) => {
      await this.ask('DELETE', path).catch(() => {})
    }
    await Promise.all([...this.#made].map(gone))
  }

  /** One of everything, so that each route has something to find. */
  async #furnish(tenant: string, prefix: string): Promise<void> {
    const path = `/v1/tenants/${tenant}`
    await this.ask('POST', '/v1/tenants', { id: tenant, name: tenant })
    this.#made.add(`${path}?endpoints=delete`)
    const name = prefix === '' ? 'order.mine' : 'order.theirs'
    const [bad, good, key, source] = await Promise.all([
      this.ask('POST', `${path}/endpoints`, { url: 'https://receiver.example.com/500', retry_delays_s: [] }),
      this.ask('POST', `${path}/endpoints`, { url: 'https://receiver.example.com/200' }),
      this.ask('POST', `${path}/keys`, { name: 'for the taking', role: 'viewer' }),
      this.ask('POST', `${path}/sources`, { name: 'for the taking', provider: 'github' }),
      this.ask('POST', `${path}/event-types`, { name, schema: { type: 'object' } }),
    ])
    await this.ask('PATCH', `${path}/event-types/${name}`, { schema: true })
    const message = await this.ask('POST', `${path}/messages`, { type: name, data: {} })
    this.#know(`${prefix}endpoint`, good.id)
    this.#know(`${prefix}endpoint`, bad.id)
    this.#know(`${prefix}key`, key.id)
    this.#know(`${prefix}source`, source.id)
    this.#know(`${prefix}name`, name)
    this.#know(`${prefix}message`, message.id)
    for (const { id } of message.deliveries) this.#know(`${prefix}delivery`, id)
  }

  /** Whether nothing of the other tenant goes on by itself. */
  async #isSettled(): Promise<boolean> {
    const path = this.#fill(`/v1/tenants/${this.theirs}/messages/{their_message:0}/deliveries`)
    const { data } = await this.ask('GET', path)
    return data.every(({ state }: Body) => state === 'succeeded' || state === 'dead')
  }

  async #spare(id: string): Promise<void> {
    await this.ask('POST', '/v1/tenants', { id: `spare-${id}`, name: 'spare' })
    const key = await this.ask('POST', '/v1/keys', { name: `spare ${id}`, scopes: ['tenant.list'] })
    this.#know('spare', `spare-${id}`)
    this.#know('operator_key', key.id)
  }

  #know(kind: string, id: unknown): void {
    if (typeof id !== 'string') return
    if (kind === 'operator_key') this.#made.add(`/v1/keys/${id}`)
    if (kind === 'spare') this.#made.add(`/v1/tenants/${id}?endpoints=delete`)
    const ids = this.known[kind] ?? []
    this.known[kind] = ids
    if (ids.includes(id)) return
    ids.push(id)
    // The first ones were made to last.
    if (ids.length > KNOWN_MAX) ids.splice(2, 1)
  }

  #fill(text: string): string {
    return text.replaceAll(/\{(\w+):(\d+)\}/g, (_, kind: string, i: string) => {
      const ids = this.known[kind] ?? []
      return ids[Number(i) % ids.length] ?? 'none'
    })
  }
}

function inUrl(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

/** Whether it is what it says when it is read as text and written again. */
function isText(body: Buffer): boolean {
  return Buffer.from(body.toString()).equals(body)
}
