/** What belongs to another tenant cannot be reached by its id, from a path where the caller may do everything (OWASP API1:2023). */
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { operationsByTag } from '../../src/docs/model.ts'
import { operationsOf, readDocument } from '../worker/api-document.ts'
import { call, createTenant, type Json, type TenantHandle, useReceivers } from '../worker/harness.ts'
import { expectProblem } from '../worker/problem.ts'
import { createPossessions, everythingOf, type Possessions, pathOf } from './possessions.ts'

const document = await readDocument()
const operations = operationsOf(document)
/** A small body that each route accepts, as the reference page shows it. */
const bodies = new Map(
  operationsByTag(document).flatMap(({ operations }) =>
    operations.map(({ method, path, example }) => [`${method.toUpperCase()} ${path}`, example] as const),
  ),
)
const ofObjects = operations.filter(({ path }) => path.includes('{tenant}') && /\{(?!tenant)/.test(path))

const receivers = useReceivers()
let mine: TenantHandle
let theirs: Possessions
let before: Json

beforeEach(async () => {
  ;[mine, theirs] = await Promise.all([createTenant(), createPossessions(receivers.current)])
  before = await everythingOf(theirs)
})

async function askers(): Promise<[string, string][]> {
  return [
    ['an admin', await mine.key('admin')],
    ['the operator', env.POSTERN_OPERATOR_KEY ?? ''],
  ]
}

describe('what another tenant has is not there below one’s own path', () => {
  it('for any of the routes that name an object', () => {
    expect(ofObjects.length).toBeGreaterThan(25)
  })

  it.each(ofObjects.map((operation) => [operation.method, operation.path, operation] as const))(
    '%s %s',
    async (method, path, operation) => {
      const text = bodies.get(`${method} ${path}`) ?? undefined
      for (const [who, key] of await askers()) {
        const found = await call(method, pathOf(operation, mine.id, theirs.ids), { key, ...(text && { text }) })
        expect([who, found.status], JSON.stringify(found.body)).toEqual([who, 404])
        expectProblem(found, 404, 'not_found')
        // Nor can be seen that it is anywhere else.
        const nowhere = Object.fromEntries(Object.entries(theirs.ids).map(([name, id]) => [name, unlike(name, id)]))
        const absent = await call(method, pathOf(operation, mine.id, nowhere), { key, ...(text && { text }) })
        expect(seen(absent.body, nowhere)).toEqual(seen(found.body, theirs.ids))
      }
      expect(await everythingOf(theirs)).toEqual(before)
    },
  )

  it.each([
    ['GET', '/deliveries?endpoint_id={endpoint}', undefined],
    ['GET', '/dead-letters?endpoint_id={endpoint}', undefined],
    ['GET', '/messages?type={name}', undefined],
    ['POST', '/dead-letters/redrive', { ids: ['{delivery}'] }],
    ['POST', '/dead-letters/redrive', { endpoint_id: '{endpoint}' }],
    ['POST', '/dead-letters/redrive', { event_type: '{name}' }],
  ])('%s %s %j finds nothing', async (method, path, body) => {
    const fill = (text: string) => text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => theirs.ids[name] ?? whole)
    const text = body === undefined ? {} : { text: fill(JSON.stringify(body)) }
    const reply = await mine.call(method, fill(path), { key: await mine.key('admin'), ...text })
    if (reply.status !== 404) {
      expect(reply.status).toBeLessThan(300)
      expect(reply.body).toMatchObject(method === 'GET' ? { data: [], next_cursor: null } : { count: 0 })
    }
    expect(await everythingOf(theirs)).toEqual(before)
  })

  it('not for a replay of one’s own message to their endpoint', async () => {
    const message = await mine.published()
    const body = { endpoint_ids: [theirs.ids.endpoint] }
    expectProblem(await mine.call('POST', `/messages/${message}/replay`, { body }), 404, 'not_found')
    expect(await everythingOf(theirs)).toEqual(before)
  })

  it('not for a cursor of one of their lists', async () => {
    await theirs.tenant.call('POST', '/event-types', { body: { name: 'order.second' } })
    const { next_cursor } = (await theirs.tenant.call('GET', '/event-types?limit=1')).body
    expect(next_cursor).toEqual(expect.any(String))
    const { status, body } = await mine.call('GET', `/event-types?cursor=${next_cursor}`)
    expect([status, body.data]).toEqual([200, []])
  })
})

describe('keys of tenants and keys of operators', () => {
  it.each(['GET', 'PATCH', 'DELETE'])('are apart: %s /v1/keys/{id} knows no key of a tenant', async (method) => {
    const body = method === 'PATCH' ? { name: 'mine now' } : undefined
    expectProblem(await call(method, `/v1/keys/${theirs.ids.key}`, { body }), 404, 'not_found')
    expect(await everythingOf(theirs)).toEqual(before)
  })

  it.each(['GET', 'PATCH', 'DELETE'])('are apart: %s …/keys/{id} knows no key of an operator', async (method) => {
    const made = await call('POST', '/v1/keys', { body: { name: 'operator', scopes: ['tenant.list'] } })
    const body = method === 'PATCH' ? { name: 'mine now' } : undefined
    expectProblem(await mine.call(method, `/keys/${made.body.id}`, { body }), 404, 'not_found')
    expect((await call('GET', `/v1/keys/${made.body.id}`)).body).toMatchObject({ name: 'operator', revoked_at: null })
    await call('DELETE', `/v1/keys/${made.body.id}`)
  })
})

/** An id of the same form that nothing has. */
function unlike(name: string, id: string): string {
  return name === 'version' ? id : id.replaceAll(/.(?=\.|$)/g, (last) => (last === '0' ? '1' : '0'))
}

/** An answer as whoever asked can compare it: without the id that they sent, nor the request's own. */
function seen(body: Json, ids: Possessions['ids']): string {
  const text = JSON.stringify({ ...body, request_id: '' })
  return Object.values(ids)
    .filter((id) => id.length > 1)
    .reduce((rest, id) => rest.replaceAll(id, '{id}'), text)
}
