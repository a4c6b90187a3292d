/** Everything about a data subject, as one stream of lines. */
import { runInDurableObject } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { hashSubject } from '../../src/subjects/subject.ts'
import { erased, someone } from './erased.ts'
import {
  breakEndpoint,
  createTenant,
  eventually,
  type Json,
  skip,
  stubOf,
  type TenantHandle,
  useReceivers,
} from './harness.ts'
import { expectProblem } from './problem.ts'

const receivers = useReceivers()

interface Exported {
  lines: Json[]
  last: Json
}

async function exported(tenant: TenantHandle, body: { subject: string; cursor?: string }): Promise<Exported> {
  const { status, body: text, headers } = await tenant.call('POST', '/exports', { body })
  expect(status, JSON.stringify(text)).toBe(200)
  expect(headers.get('content-type')).toBe('application/x-ndjson')
  expect(headers.get('cache-control')).toBe('no-store')
  // A single line has been parsed as JSON.
  const all =
    typeof text === 'string'
      ? text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line))
      : [text]
  return { lines: all.slice(0, -1), last: all.at(-1) }
}

/** Waits until the read model has so many deliveries, as they ended. */
const projected = (tenant: TenantHandle, count: number) =>
  eventually('the read model to have them', async () => {
    const row = await env.DB.prepare('SELECT COUNT(*) AS n FROM deliveries WHERE tenant_id = ? AND finished_at > 0')
      .bind(tenant.id)
      .first<{ n: number }>()
    return row?.n === count
  })

it('has every message as it was published, and behind it its deliveries with their attempts', async () => {
  const tenant = await createTenant()
  const [one, another] = [someone(), someone()]
  const endpoints = [
    await tenant.endpoint({ channels: ['a'] }),
    await tenant.endpoint({ channels: ['a'], lanes: 2, max_in_flight: 2 }),
  ]
  receivers.current.become(endpoints[0].url, () => new Response('thanks', { headers: { 'x-receipt': '7' } }))
  const first = await tenant.publish({ subject: one.subject, data: { n: 1 }, channels: ['a'], ordering_key: 'k' })
  await tenant.published({ subject: another.subject, data: { n: 2 }, channels: ['a'] })
  await tenant.published({ data: { about: one.subject }, channels: ['a'] })
  const large = `${one.secret}${'é'.repeat(60 * 1024)}`
  const second = await tenant.published({
    subject: one.subject,
    raw: large,
    data: undefined,
    content_type: 'text/plain',
    channels: ['a'],
  })
  const unmatched = await tenant.published({ subject: one.subject, data: { n: 3 }, channels: ['nobody'] })
  await projected(tenant, 8)

  const { lines, last } = await exported(tenant, { subject: one.subject })

  expect(last).toEqual({ kind: 'end', messages: 3, deliveries: 4, next_cursor: null })
  expect(lines.map(({ kind, id }) => [kind, id])).toEqual([
    ['message', first.body.id],
    ...first.body.deliveries.map(({ id }: Json) => ['delivery', id]),
    ['message', second],
    ...endpoints.map(({ id }) => ['delivery', `${second}.${id}`]),
    ['message', unmatched],
  ])
  const { id, accepted_at } = first.body
  expect(lines[0]).toEqual({
    kind: 'message',
    id,
    type: 'invoice.paid',
    accepted_at,
    channels: ['a'],
    ordering_key: 'k',
    content_type: 'application/json',
    size_bytes: expect.any(Number),
    payload: JSON.stringify({ type: 'invoice.paid', timestamp: accepted_at, data: { n: 1 } }),
    payload_base64: null,
    payload_omitted: null,
  })
  expect(lines[1]).toMatchObject({
    state: 'succeeded',
    endpoint_id: endpoints[0].id,
    attempt_log: [{ status: 200, response_body: 'thanks', response_headers: { 'x-receipt': '7' } }],
  })
  expect(lines[3]).toMatchObject({ payload: large, size_bytes: new TextEncoder().encode(large).length })
  expect(lines[6]).toMatchObject({ payload: expect.stringContaining('{"n":3}'), channels: ['nobody'] })
  expect(JSON.stringify(lines)).not.toContain(await hashSubject(tenant.id, one.subject))
})

it('has bytes that are no text as base64', async () => {
  const tenant = await createTenant()
  const one = someone()
  const id = await tenant.published({ subject: one.subject })
  const bytes = new Uint8Array([0xff, 0x00, 0x9f])
  await env.DB.prepare('UPDATE unmatched_messages SET payload = ? WHERE id = ?').bind(bytes, id).run()
  const { lines } = await exported(tenant, { subject: one.subject })
  expect(lines).toEqual([expect.objectContaining({ payload: null, payload_base64: '/wCf', payload_omitted: null })])
})

it('has the content of a message from whoever keeps it still', async () => {
  const tenant = await createTenant()
  const one = someone()
  const endpoints = [await tenant.endpoint(), await tenant.endpoint()]
  const id = await tenant.published({ subject: one.subject, data: one.secret })
  await projected(tenant, 2)
  // Each Endpoint expires content by when its own delivery ended, and the first that is asked did so first.
  await runInDurableObject(stubOf(endpoints[0].id), (_endpoint, { storage }) => {
    storage.sql.exec('UPDATE deliveries SET expired_at = 1, payload = NULL WHERE message_id = ?', id)
  })
  const { lines } = await exported(tenant, { subject: one.subject })
  expect(lines[0]).toMatchObject({ id, payload: expect.stringContaining(one.secret), payload_omitted: null })
})

describe('a long one', () => {
  it('goes on page by page, and every delivery is there once', { timeout: 30_000 }, async () => {
    const tenant = await createTenant()
    const one = someone()
    for (let n = 0; n < 3; n++) await tenant.endpoint({ channels: ['a'] })
    const messages = Array.from({ length: 25 }, (_, n) => ({
      type: 'a',
      data: n,
      subject: one.subject,
      channels: [n < 12 ? 'a' : 'nobody'],
    }))
    const { body } = await tenant.call('POST', '/messages/batch', { body: { messages } })
    await projected(tenant, 36)
    const { lines, last } = await exported(tenant, { subject: one.subject })
    expect(last).toEqual({ kind: 'end', messages: 25, deliveries: 36, next_cursor: null })
    const ids = lines.filter(({ kind }) => kind === 'message').map(({ id }) => id)
    expect(ids.toSorted()).toEqual(body.results.map(({ message }: Json) => message.id).toSorted())
    expect(new Set(lines.map(({ kind, id }) => `${kind} ${id}`)).size).toBe(61)
  })

  it('ends with a cursor when its time is up, from which it goes on', async () => {
    const tenant = await createTenant()
    const one = someone()
    const endpoint = await tenant.endpoint()
    const messages = Array.from({ length: 15 }, (_, n) => ({ type: 'a', data: n, subject: one.subject }))
    await tenant.call('POST', '/messages/batch', { body: { messages } })
    await projected(tenant, 15)
    const response = await exports.default.fetch(`https://postern.test${tenant.path}/exports`, {
      method: 'POST',
      headers: { authorization: `Bearer ${env.POSTERN_OPERATOR_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ subject: one.subject }),
    })
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    let text = new TextDecoder().decode((await reader.read()).value)
    skip(10 * 60 * 1000)
    for (let part = await reader.read(); !part.done; part = await reader.read())
      text += new TextDecoder().decode(part.value)
    const first = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const end = first.pop()
    expect(end).toMatchObject({ kind: 'end', next_cursor: expect.any(String) })
    const { lines, last } = await exported(tenant, { subject: one.subject, cursor: end.next_cursor })
    expect(last.next_cursor).toBeNull()
    const deliveries = [...first, ...lines].filter(({ kind }) => kind === 'delivery')
    expect(new Set(deliveries.map(({ id }) => id)).size).toBe(15)
    expect(deliveries).toHaveLength(15)
    expect(deliveries[0].endpoint_id).toBe(endpoint.id)
    expect([...first, ...lines].filter(({ kind }) => kind === 'message')).toHaveLength(15)
  })

  it('says so when an Endpoint does not answer, and where to try again', async () => {
    const tenant = await createTenant()
    const one = someone()
    const endpoint = await tenant.endpoint()
    await tenant.published({ subject: one.subject })
    await projected(tenant, 1)
    const mend = breakEndpoint(endpoint.id)
    const broken = await exported(tenant, { subject: one.subject })
    expect(broken.last).toMatchObject({ kind: 'error', code: 'unavailable', next_cursor: expect.any(String) })
    mend()
    const { lines, last } = await exported(tenant, { subject: one.subject, cursor: broken.last.next_cursor })
    expect(last).toMatchObject({ kind: 'end', messages: 1, deliveries: 1, next_cursor: null })
    expect(lines).toHaveLength(2)
  })
})

it('knows what a deleted endpoint had, without what only that one held', async () => {
  const tenant = await createTenant()
  const one = someone()
  const endpoint = await tenant.endpoint()
  const id = await tenant.published({ subject: one.subject })
  await projected(tenant, 1)
  await tenant.call('DELETE', `/endpoints/${endpoint.id}`)
  const { lines } = await exported(tenant, { subject: one.subject })
  expect(lines).toEqual([
    expect.objectContaining({ kind: 'message', id, payload: null, payload_omitted: 'missing' }),
    expect.objectContaining({ kind: 'delivery', state: 'succeeded', attempt_log: [] }),
  ])
})

it('finds nothing after an erasure', async () => {
  const tenant = await createTenant()
  const one = someone()
  await tenant.endpoint({ channels: ['a'] })
  await tenant.published({ subject: one.subject, channels: ['a'] })
  await tenant.published({ subject: one.subject, channels: ['nobody'] })
  await projected(tenant, 1)
  expect((await exported(tenant, { subject: one.subject })).lines).toHaveLength(3)
  await erased(tenant, one.subject)
  expect(await exported(tenant, { subject: one.subject })).toEqual({
    lines: [],
    last: { kind: 'end', messages: 0, deliveries: 0, next_cursor: null },
  })
})

it('knows nothing of another tenant, and is refused where it makes no sense', async () => {
  const [tenant, other] = [await createTenant(), await createTenant()]
  const one = someone()
  await other.published({ subject: one.subject })
  expect((await exported(tenant, { subject: one.subject })).lines).toEqual([])
  expectProblem(await tenant.call('POST', '/exports', { body: {} }), 422, 'invalid_request')
  expectProblem(await tenant.call('POST', '/exports', { body: { subject: 'a', all: true } }), 422, 'invalid_request')
  expectProblem(await tenant.call('POST', '/exports', { body: { subject: 'a', cursor: 'x' } }), 400, 'invalid_cursor')
  const key = await tenant.key('admin')
  expect((await tenant.call('POST', '/exports', { key, body: { subject: 'a' } })).status).toBe(200)
  expectProblem(await other.call('POST', '/exports', { key, body: { subject: 'a' } }), 404, 'not_found')
})
