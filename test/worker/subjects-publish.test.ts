/** A message that says whom it is about: what is kept of that, who learns it, and what it costs. */
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { hashSubject } from '../../src/subjects/subject.ts'
import { someone } from './erased.ts'
import { createTenant, eventually, useReceivers } from './harness.ts'
import { whereIs } from './planted.ts'
import { blamed, expectProblem } from './problem.ts'

const receivers = useReceivers()

it('is kept as a hash that no other tenant shares, and as nothing else', async () => {
  const tenant = await createTenant()
  const one = someone()
  const endpoint = await tenant.endpoint({ channels: ['a'] })
  const large = { data: undefined, raw: 'x'.repeat(100 * 1024), content_type: 'text/plain' }
  const ids = [
    await tenant.published({ subject: one.subject, channels: ['a'] }),
    await tenant.published({ subject: one.subject, channels: ['a'], ...large }),
    await tenant.published({ subject: one.subject, channels: ['nobody'] }),
    await tenant.published({ subject: one.subject, channels: ['nobody'], ...large }),
  ]
  for (const id of ids.slice(0, 2)) await tenant.deliveryIn('succeeded', id, endpoint.id)
  const hash = await hashSubject(tenant.id, one.subject)
  await eventually('the read model', async () => (await whereIs(hash, tenant)).includes('d1 deliveries'))
  expect(await whereIs(one.subject, tenant)).toEqual([])
  const places = (await whereIs(hash, tenant)).map((place) => place.replace(/^(r2) .*/, '$1'))
  expect(places).toEqual(['d1 deliveries', 'd1 unmatched_messages', `${endpoint.id} deliveries`, 'r2', 'r2'])
  expect(await hashSubject('another', one.subject)).not.toBe(hash)
})

it('is sent to no receiver, and shown by no route', async () => {
  const tenant = await createTenant()
  const one = someone()
  const endpoint = await tenant.endpoint({ transform: '$', retry_delays_s: [] })
  receivers.current.become(endpoint.url, 500)
  const id = await tenant.published({ subject: one.subject })
  await tenant.deliveryIn('dead', id, endpoint.id)
  await eventually('a dead letter', async () => (await tenant.call('GET', '/dead-letters')).body.data.length === 1)
  const [arrival] = receivers.current.arrivals(endpoint.url)
  const hash = await hashSubject(tenant.id, one.subject)
  const sent = JSON.stringify([[...(arrival?.headers ?? [])], arrival?.body])
  const paths = ['/messages', `/messages/${id}`, `/messages/${id}/deliveries`, '/deliveries', '/dead-letters']
  const lists = [...paths, `/deliveries?endpoint_id=${endpoint.id}`, `/deliveries/${id}.${endpoint.id}`]
  const shown = await Promise.all(lists.map(async (path) => JSON.stringify((await tenant.call('GET', path)).body)))
  for (const text of [sent, ...shown]) {
    expect(text).not.toContain(one.subject)
    expect(text).not.toContain(hash)
    expect(text).not.toContain('subject')
  }
})

it('belongs to each message of a batch on its own', async () => {
  const tenant = await createTenant()
  const [one, another] = [someone(), someone()]
  const messages = [{ subject: one.subject }, { subject: another.subject }, {}].map((more) => ({
    type: 'a',
    data: 1,
    ...more,
  }))
  const { body } = await tenant.call('POST', '/messages/batch', { body: { messages } })
  const subjects = await Promise.all(
    body.results.map(({ message }: { message: { id: string } }) =>
      env.DB.prepare('SELECT subject FROM unmatched_messages WHERE id = ?').bind(message.id).first('subject'),
    ),
  )
  expect(subjects).toEqual([
    await hashSubject(tenant.id, one.subject),
    await hashSubject(tenant.id, another.subject),
    null,
  ])
})

it.each(['', 'two words', 'tab\t', 'line\n', 'nul\0', 'zero\u200bwidth', 'no\u00a0break', 'x'.repeat(256), 42, null])(
  'is refused as %j, and nothing is published',
  async (subject) => {
    const tenant = await createTenant()
    const reply = await tenant.publish({ subject })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual(['subject'])
    expect((await tenant.call('GET', '/messages')).body.data).toEqual([])
  },
)

it.each(['x', 'x'.repeat(255), 'cus_42', 'anna@example.com', 'Zoë', '顾客', '👩‍🚀'.slice(0, 2)])(
  'may be %s',
  async (subject) => {
    const tenant = await createTenant()
    expect((await tenant.publish({ subject })).status).toBe(202)
  },
)

it('is the same person however their name was typed', async () => {
  expect(await hashSubject('acme', 'Zoe\u0308')).toBe(await hashSubject('acme', 'Zo\u00eb'))
  expect(await hashSubject('acme', 'zoe')).not.toBe(await hashSubject('acme', 'Zoe'))
})

describe('with an idempotency key', () => {
  it.each([
    ['the same person', 'a', 'a', 202],
    ['nobody, as before', undefined, undefined, 202],
    ['another person', 'a', 'b', 409],
    ['somebody, and nobody before', undefined, 'a', 409],
    ['nobody, and somebody before', 'a', undefined, 409],
  ])('a repetition about %s', async (_whom, first, second, status) => {
    const tenant = await createTenant()
    await tenant.endpoint()
    const key = { 'idempotency-key': 'order-1842' }
    const about = (subject: string | undefined) => (subject === undefined ? {} : { subject })
    await tenant.publish(about(first), key)
    const again = await tenant.publish(about(second), key)
    if (status === 409) expectProblem(again, 409, 'idempotency_conflict')
    else expect(again.body).toMatchObject({ duplicate: true })
  })
})
