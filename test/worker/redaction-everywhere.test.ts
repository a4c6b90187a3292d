/** What is redacted is in no answer of any route that reads, whoever asks, unless they ask for it and may. */
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { type Operation, operationsOf, readDocument } from './api-document.ts'
import {
  type Arrival,
  call,
  consumed,
  createTenant,
  eventually,
  type Json,
  type TenantHandle,
  useReceivers,
} from './harness.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const receivers = useReceivers()

/** Found nowhere but in what was published. */
const PLANT = 'quartz.vexillology@planted.example'
const WRITTEN = [PLANT, PLANT.toUpperCase(), encodeURIComponent(PLANT), btoa(PLANT), 'vexillology']

/** Base64 of a text that has the plant somewhere within. */
function holdsPlant(text: string): boolean {
  const decoded = [...text.matchAll(/[A-Za-z0-9+/]{24,}={0,2}/g)].map(([run]) =>
    atob(run.slice(0, run.length - (run.length % 4))),
  )
  return [text, ...decoded].some((one) => WRITTEN.some((plant) => one.includes(plant)))
}

/** A receiver that tells all that it was told. */
const echo = (status: number) => (arrival: Arrival) =>
  new Response(arrival.body, { status, headers: { 'x-echo': PLANT, 'content-type': 'application/json' } })

interface World {
  tenant: TenantHandle
  /** What parameters of paths may stand for. */
  names: Record<string, string[]>
}

const data = { secret: PLANT, items: [{ secret: PLANT, note: 'plain' }], order: 'ord_1' }

async function createWorld(): Promise<World> {
  const tenant = await createTenant()
  const redact = ['/secret', '/items/*/secret']
  await tenant.call('POST', '/event-types', { body: { name: 'person.created', redact, schema: {} } })
  await tenant.call('PUT', '/redaction', { body: { redact: ['/secret', '/items/*/secret'] } })
  const endpoints = [
    await tenant.endpoint({ event_types: ['person.*'], retry_delays_s: [] }),
    await tenant.endpoint({ event_types: ['person.*'] }),
    await tenant.endpoint({ event_types: ['person.*'], transform: '$number(data.secret)', retry_delays_s: [] }),
    await tenant.endpoint({ event_types: ['person.*'], filter: '$number(data.secret) > 0' }),
  ]
  receivers.current.become(endpoints[0].url, echo(500))
  receivers.current.become(endpoints[1].url, echo(200))
  const messages = [
    await tenant.published({ type: 'person.created', data }),
    await tenant.published({ type: 'person.unknown', data }),
    await tenant.published({ type: 'person.created', data: { ...data, filler: 'x'.repeat(120_000) } }),
    await tenant.published({
      type: 'person.created',
      data: undefined,
      raw: JSON.stringify(data),
      content_type: 'application/json',
    }),
    await tenant.published({
      type: 'person.created',
      data: undefined,
      raw: `<a>${PLANT}</a>`,
      content_type: 'application/xml',
    }),
    await tenant.published({ type: 'nobody.wants', data }),
  ]
  const fanout = {
    v: 1,
    tenant_id: tenant.id,
    item: {
      message_id: messages[0],
      event_type: 'person.created',
      content_type: 'application/json',
      format: 'event',
      headers: {},
      channels: [],
      ordering_key: null,
      accepted_at: Date.now(),
      fingerprint: 'f',
      body: { base64: btoa(JSON.stringify({ type: 'person.created', timestamp: '', data })) },
    },
    endpoint_ids: [endpoints[0].id],
    notes: { [endpoints[0].id]: `filter_failed: ${PLANT}` },
  }
  await consumed('dead-letters', [fanout, { tenant_id: tenant.id, what: PLANT }, PLANT])
  await eventually('everything to have ended', async () => {
    const { body } = await tenant.call('GET', '/deliveries?limit=250')
    return body.data.length === 19 && body.data.every(({ finished_at }: Json) => finished_at !== null)
  })
  await eventually('the dead letters', async () => (await tenant.call('GET', '/dead-letters')).body.data.length === 10)
  const deliveries = (await tenant.call('GET', '/deliveries?limit=250')).body.data.map(({ id }: Json) => id)
  const names = {
    tenant: [tenant.id],
    message: messages,
    delivery: deliveries,
    endpoint: endpoints.map(({ id }) => id),
    name: ['person.created'],
    version: ['1'],
  }
  return { tenant, names }
}

/** The path with everything in it that its parameters may stand for. */
function pathsOf(path: string, names: Record<string, string[]>): string[] {
  const [parameter] = /\{\w+\}/.exec(path) ?? []
  if (parameter === undefined) return [path]
  return (names[parameter.slice(1, -1)] ?? ['none']).flatMap((value) => pathsOf(path.replace(parameter, value), names))
}

/** All of a list: a parameter that a route does not know is refused. */
function queryOf({ contract }: Operation): string {
  return (contract.parameters ?? []).some(({ name }: Json) => name === 'limit') ? '?limit=250' : '?'
}

const read = async (path: string, key?: string) =>
  JSON.stringify((await call('GET', path, key === undefined ? {} : { key })).body)

describe('a value that is redacted', () => {
  let world: World
  let reading: Operation[]

  beforeAll(async () => {
    reading = operationsOf(await readDocument()).filter(({ method }) => method === 'GET')
  })

  it('is in no answer of any route that reads, and in no log line', async () => {
    const logs = (['info', 'warn', 'error', 'log'] as const).map((level) => vi.spyOn(console, level))
    world = await createWorld()
    const { tenant, names } = world
    const keys = [undefined, await tenant.key('admin'), await tenant.key('developer'), await tenant.key('viewer')]
    const paths = reading.flatMap((operation) =>
      pathsOf(operation.path, names).map((path) => `${path}${queryOf(operation)}`),
    )
    expect(paths.length).toBeGreaterThan(60)
    const leaks: string[] = []
    for (const path of paths) {
      const answers = await Promise.all(keys.map((key) => read(path, key)))
      if (answers.some(holdsPlant)) leaks.push(path)
    }
    expect(leaks).toEqual([])
    const lines = logs.flatMap(({ mock }) => mock.calls.map((line) => line.map(String).join(' ')))
    expect(lines.filter(holdsPlant)).toEqual([])
    expect(lines.length).toBeGreaterThan(0)

    // Else all of this would say nothing.
    const revealed = paths.filter((path) =>
      /messages\/msg_\w+\?|deliveries\/[\w.]+\?|attempts\?|\/v1\/dead-letters\?/.test(path),
    )
    const shown = await Promise.all(
      revealed.map(async (path) => [path, holdsPlant(await read(`${path}&reveal=true`))] as const),
    )
    const hidden = shown.filter(([path, is_shown]) => !is_shown && path.includes('/messages/'))
    expect(hidden).toEqual([])
    expect(shown.filter(([, is_shown]) => is_shown).length).toBeGreaterThan(25)
  })

  it('is delivered all the same, byte for byte', async () => {
    const tenant = await createTenant()
    await tenant.call('POST', '/event-types', { body: { name: 'person.created', redact: [''] } })
    const endpoint = await tenant.endpoint()
    await tenant.published({ type: 'person.created', data })
    const arrival = await eventually('the arrival', () => receivers.current.arrivals(endpoint.url)[0])
    expect(JSON.parse(arrival.body).data).toEqual(data)
  })
})
