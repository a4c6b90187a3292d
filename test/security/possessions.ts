/** A tenant that has one of everything, for tests that ask whether somebody else can reach it. */
import { expect } from 'vitest'
import type { Operation } from '../worker/api-document.ts'
import { createTenant, eventually, type Json, type Receivers, type TenantHandle } from '../worker/harness.ts'

export interface Possessions {
  tenant: TenantHandle
  /** What stands for each parameter of a path. */
  ids: Readonly<Record<string, string>>
}

/** @param receivers what answers this tenant's endpoint: with 500, so that it has a dead letter */
export async function createPossessions(receivers: Receivers): Promise<Possessions> {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint({ retry_delays_s: [], event_types: ['order.*'] })
  receivers.become(endpoint.url, 500)
  const name = `order.t${crypto.randomUUID().slice(0, 8)}`
  const type = await tenant.call('POST', '/event-types', { body: { name, schema: { type: 'object' } } })
  expect(type.status, JSON.stringify(type.body)).toBe(201)
  const changed = await tenant.call('PATCH', `/event-types/${name}`, { body: { schema: { type: ['object', 'null'] } } })
  expect(changed.body.schema_version).toBe(2)
  const key = await tenant.call('POST', '/keys', { body: { name: 'theirs', role: 'viewer' } })
  const source = await tenant.call('POST', '/sources', { body: { name: 'theirs', provider: 'github' } })
  expect(source.status, JSON.stringify(source.body)).toBe(201)
  const message = await tenant.published({ type: name, data: {} })
  const delivery = `${message}.${endpoint.id}`
  await eventually('the dead letter to be listed', async () => {
    const { data } = (await tenant.call('GET', '/dead-letters')).body
    return data.length === 1
  })
  const erasure = await tenant.call('POST', '/erasures', { body: { subject: 'somebody' } })
  expect(erasure.status, JSON.stringify(erasure.body)).toBe(202)
  const ids = {
    endpoint: endpoint.id,
    name,
    version: '1',
    key: key.body.id,
    message,
    delivery,
    id: delivery,
    source: source.body.id,
    erasure: erasure.body.id,
  }
  return { tenant, ids }
}

/**
 * The path of a route, with what stands for its parameters.
 * @throws Error for a parameter that `createPossessions` makes nothing for: a new resource belongs there
 */
export function pathOf({ path }: Operation, tenant_id: string, ids: Possessions['ids']): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const id = name === 'tenant' ? tenant_id : ids[name]
    if (id === undefined) throw new Error(`test/security/possessions.ts makes nothing for {${name}} of ${path}`)
    return encodeURIComponent(id)
  })
}

const SHOWN = [
  '',
  '/endpoints',
  '/endpoints/{endpoint}',
  '/endpoints/{endpoint}/breaker',
  '/sources',
  '/sources/{source}',
  '/event-types',
  '/event-types/{name}',
  '/keys',
  '/messages',
  '/messages/{message}',
  '/deliveries?endpoint_id={endpoint}',
  '/deliveries/{delivery}',
  '/dead-letters',
  '/sources/{source}/failures',
  '/redaction',
  '/step-up',
  // Which tells of whatever else was done to it.
  '/audit-log',
]

/** All that its operator can see of a tenant: what nobody else may change. */
export async function everythingOf({ tenant, ids }: Possessions): Promise<Json> {
  const paths = SHOWN.map((path) => path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? ''))
  const replies = await Promise.all(paths.map((path) => tenant.call('GET', path)))
  expect(replies.map(({ status }) => status)).toEqual(paths.map(() => 200))
  return Object.fromEntries(paths.map((path, i) => [path, replies[i]?.body]))
}
