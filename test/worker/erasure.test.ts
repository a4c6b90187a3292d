/** What an erasure removes, where, and what it leaves. */

import { env } from 'cloudflare:workers'
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { payloadsOfSubject } from '../../src/messages/body.ts'
import { hashSubject } from '../../src/subjects/subject.ts'
import { itemOf } from './enqueued.ts'
import { erased, erasing, erasureOf, firstPassOver, laterPass, someone } from './erased.ts'
import { consumed, createTenant, eventually, type Json, type TenantHandle, useReceivers } from './harness.ts'
import { keyForEach } from './laned.ts'
import { whereIs } from './planted.ts'
import { expectProblem } from './problem.ts'

const receivers = useReceivers()

/** Everything a message can say about somebody, with a text to look for in each place that a publisher may fill. */
function about({ subject, secret }: { subject: string; secret: string }) {
  return {
    subject,
    data: { name: secret },
    ordering_key: `key-${secret}`,
    channels: [`channel-${secret}`],
  }
}

const large = (secret: string) => ({
  data: undefined,
  raw: `${secret}${'x'.repeat(100 * 1024)}`,
  content_type: `text/plain; name=${secret}`,
})

/** A receiver that sends back what it got, as careless ones do. */
function echo(endpoint: Json, status: number): void {
  receivers.current.become(endpoint.url, ({ body }) => {
    const secret = /planted-\w+/.exec(body)?.[0] ?? ''
    return new Response(`echo ${secret}`, { status, headers: { 'x-echo': secret } })
  })
}

const isProjected = (tenant: TenantHandle, message_id: string, endpoint: Json) =>
  eventually('the read model to have it', () =>
    env.DB.prepare('SELECT 1 FROM deliveries WHERE tenant_id = ? AND message_id = ? AND endpoint_id = ?')
      .bind(tenant.id, message_id, endpoint.id)
      .first(),
  )

describe('after an erasure nothing is found', () => {
  it('of deliveries in any state, in any lane, in the read model, of unmatched messages, or in R2', {
    timeout: 40_000,
  }, async () => {
    const tenant = await createTenant()
    const one = someone()
    const settings = { event_types: ['invoice.*'] }
    const well = await tenant.endpoint({ ...settings, lanes: 3, ordering: 'key', max_in_flight: 3 })
    const dying = await tenant.endpoint({ ...settings, retry_delays_s: [] })
    const waiting = await tenant.endpoint({ ...settings, retry_delays_s: [3600] })
    const parked = await tenant.endpoint(settings)
    await tenant.call('POST', `/endpoints/${parked.id}/disable`)
    echo(well, 200)
    echo(dying, 500)
    echo(waiting, 503)
    const ids: string[] = []
    // Five failures would open a breaker, and the others would be parked.
    for (const key of keyForEach(3)) ids.push(await tenant.published({ ...about(one), ordering_key: key }))
    ids.push(await tenant.published({ ...about(one), ...large(one.secret) }))
    const unmatched = await tenant.published({ ...about(one), type: 'nobody.wants', data: { name: one.secret } })
    const unmatchedLarge = await tenant.published({ ...about(one), type: 'nobody.wants', ...large(one.secret) })
    for (const id of ids) {
      await tenant.deliveryIn('succeeded', id, well.id)
      await tenant.deliveryIn('dead', id, dying.id)
      await tenant.deliveryIn('waiting', id, waiting.id)
      await tenant.deliveryIn('parked', id, parked.id)
      for (const endpoint of [well, dying, waiting, parked]) await isProjected(tenant, id, endpoint)
    }
    await eventually('dead letters', async () => (await tenant.call('GET', '/dead-letters')).body.data.length === 4)
    const places = await whereIs(one.secret, tenant)
    expect(
      places
        .filter((place) => !place.startsWith('r2'))
        .map((place) => place.replace(/ep_\w+/, 'ep'))
        .toSorted(),
    ).toEqual(
      [
        'd1 deliveries',
        'd1 unmatched_messages',
        'ep deliveries',
        'ep deliveries',
        'ep deliveries',
        'ep/1 deliveries',
        'ep/2 deliveries',
        'ep deliveries',
      ].toSorted(),
    )

    const receipt = await erased(tenant, one.subject)

    expect(await whereIs(one.secret, tenant)).toEqual([])
    expect(await whereIs(one.subject, tenant)).toEqual([])
    expect(await whereIs(await hashSubject(tenant.id, one.subject), tenant)).toEqual(
      [well, dying, waiting, parked]
        .flatMap(({ id }) => (id === well.id ? [id, `${id}/1`, `${id}/2`] : [id]))
        .map((name) => `${name} erasures`)
        .concat('d1 audit_log', 'd1 erasures')
        .toSorted(),
    )
    expect(receipt.erased).toEqual({
      deliveries: 4 * 4,
      unfinished_deliveries: 2 * 4,
      attempts: 2 * 4 + 4,
      unmatched_messages: 2,
      dead_letters: 0,
      payloads: 2,
    })
    expect((await tenant.call('GET', '/dead-letters')).body.data).toEqual([])
    for (const id of [unmatched, unmatchedLarge]) {
      const { body } = await tenant.call('GET', `/messages/${id}`)
      expect(body).toMatchObject({ payload: null, payload_omitted: 'erased', erased_at: expect.any(String) })
    }
  })
})

describe('an erasure reaches', () => {
  it('what came by the fan-out queue, because more endpoints wanted it than are called at once', async () => {
    const tenant = await createTenant()
    const one = someone()
    const endpoints = await Promise.all(Array.from({ length: 22 }, () => tenant.endpoint()))
    const id = await tenant.published({ ...about(one), channels: [], ...large(one.secret) })
    for (const endpoint of endpoints) await tenant.deliveryIn('succeeded', id, endpoint.id)
    expect((await erased(tenant, one.subject)).erased).toMatchObject({ deliveries: 22, attempts: 22, payloads: 1 })
    expect(await whereIs(one.secret, tenant)).toEqual([])
  })

  it('what was replayed to an endpoint that did not have it before', async () => {
    const tenant = await createTenant()
    const one = someone()
    const id = await tenant.published(about(one))
    const endpoint = await tenant.endpoint()
    const replayed = await tenant.call('POST', `/messages/${id}/replay`, { body: { endpoint_ids: [endpoint.id] } })
    expect(replayed.status).toBe(202)
    await tenant.deliveryIn('succeeded', id, endpoint.id)
    expect((await erased(tenant, one.subject)).erased).toMatchObject({ deliveries: 1, unmatched_messages: 1 })
    expect(await whereIs(one.secret, tenant)).toEqual([])
  })
})

describe('an erasure leaves', () => {
  it('ids, times, states and counts: what happened is still to be seen, what it was about is not', async () => {
    const tenant = await createTenant()
    const one = someone()
    const endpoint = await tenant.endpoint()
    echo(endpoint, 200)
    const id = await tenant.published({ ...about(one), channels: [] })
    const before = await tenant.deliveryIn('succeeded', id, endpoint.id)
    expect(before).toMatchObject({ ordering_key: `key-${one.secret}`, erased_at: null })
    expect(JSON.stringify(before.attempt_log)).toContain(one.secret)
    await erased(tenant, one.subject)
    const after = await tenant.delivery(id, endpoint.id)
    const { id: _, accepted_at, finished_at, attempt_count, last_status } = before
    expect(after).toMatchObject({ state: 'succeeded', accepted_at, finished_at, attempt_count, last_status })
    expect(after).toMatchObject({ ordering_key: null, erased_at: expect.any(String) })
    const [{ number, status, duration_ms }] = before.attempt_log
    const nothing = { detail: null, request_headers: {}, response_headers: {}, response_body: '' }
    expect(after.attempt_log).toEqual([expect.objectContaining({ number, status, duration_ms, ...nothing })])
    const listed = await eventually('the read model to know it', async () => {
      const [delivery] = (await tenant.call('GET', '/deliveries')).body.data
      return delivery?.erased_at && delivery
    })
    expect(listed).toMatchObject({ id: after.id, ordering_key: null, updated_at: after.updated_at })
    expect((await tenant.call('GET', '/messages')).body.data).toEqual([expect.objectContaining({ id, deliveries: 1 })])
  })

  it('what is about others, about nobody, and what another tenant knows of somebody of that name', async () => {
    const [tenant, other] = await Promise.all([createTenant(), createTenant()])
    const [one, another] = [someone(), someone()]
    const [endpoint, foreign] = await Promise.all([tenant.endpoint(), other.endpoint()])
    await tenant.published(about(one))
    const kept = [
      [tenant, endpoint, await tenant.published({ ...about(another), channels: [] })],
      [tenant, endpoint, await tenant.published({ data: { name: one.subject } })],
      [other, foreign, await other.published({ subject: one.subject, data: { name: one.secret } })],
    ] as const
    for (const [owner, to, id] of kept) await owner.deliveryIn('succeeded', id, to.id)
    await erased(tenant, one.subject)
    for (const [owner, to, id] of kept) {
      expect(await owner.delivery(id, to.id)).toMatchObject({ erased_at: null })
      expect((await owner.call('GET', `/messages/${id}`)).body).toMatchObject({
        payload: expect.stringContaining('name'),
        payload_omitted: null,
      })
    }
  })

  it('what is published about the same person afterwards, which is new', async () => {
    const tenant = await createTenant()
    const one = someone()
    const endpoint = await tenant.endpoint()
    const erasure = await erasing(tenant, one.subject)
    const id = await tenant.published({ ...about(one), channels: [] })
    const stored = await tenant.published({ ...about(one), channels: [], ...large(one.secret) })
    await tenant.deliveryIn('succeeded', id, endpoint.id)
    await tenant.deliveryIn('succeeded', stored, endpoint.id)
    await firstPassOver(tenant, erasure)
    expect((await laterPass(tenant, erasure)).erased).toMatchObject({ deliveries: 0, payloads: 0 })
    for (const message of [id, stored]) {
      expect((await tenant.call('GET', `/messages/${message}`)).body.payload).toContain(one.secret)
    }
  })
})

describe('what was erased', () => {
  it('cannot be retried, replayed or redriven', async () => {
    const tenant = await createTenant()
    const one = someone()
    const endpoint = await tenant.endpoint({ retry_delays_s: [] })
    receivers.current.become(endpoint.url, 500)
    const id = await tenant.published({ ...about(one), channels: [] })
    await tenant.deliveryIn('dead', id, endpoint.id)
    const letters = async () => (await tenant.call('GET', '/dead-letters')).body.data.length
    await eventually('a dead letter', async () => (await letters()) === 1)
    // As it is for a moment: the Endpoint has erased it, and the row of its death is still there.
    const row = await env.DB.prepare('SELECT * FROM dead_letters WHERE tenant_id = ?').bind(tenant.id).first()
    await erased(tenant, one.subject)
    expect(await letters()).toBe(0)
    const names = Object.keys(row ?? {})
    await env.DB.prepare(`INSERT INTO dead_letters (${names.join()}) VALUES (${names.map(() => '?').join()})`)
      .bind(...Object.values(row ?? {}))
      .run()
    receivers.current.become(endpoint.url, 200)
    const arrived = receivers.current.arrivals(endpoint.url).length

    expectProblem(await tenant.call('POST', `/deliveries/${id}.${endpoint.id}/retry`), 409, 'content_erased')
    expectProblem(await tenant.call('POST', `/messages/${id}/replay`, { body: {} }), 409, 'content_erased')
    const other = await tenant.endpoint()
    const named = { body: { endpoint_ids: [other.id] } }
    expectProblem(await tenant.call('POST', `/messages/${id}/replay`, named), 409, 'content_erased')
    const redriven = await tenant.call('POST', '/dead-letters/redrive', { body: {} })
    expect(redriven.body).toEqual({ count: 0, missing: 0, erased: 1, has_more: false })
    expect(await letters()).toBe(0)
    const since = new Date(Date.now() - 3_600_000).toISOString()
    const all = { body: { states: ['dead', 'succeeded', 'cancelled'], since } }
    expect((await tenant.call('POST', `/endpoints/${endpoint.id}/replay`, all)).body).toMatchObject({ count: 0 })
    expectProblem(await tenant.call('POST', `/deliveries/${id}.${endpoint.id}/cancel`), 409, 'wrong_state')
    expect((await tenant.delivery(id, endpoint.id)).state).toBe('dead')
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(arrived)
  })

  it.each([
    ['delivered', true],
    ['kept because nobody subscribed', false],
  ])('stays known by its id when it was %s: repeating it sends nothing', async (_how, has_endpoint) => {
    const tenant = await createTenant()
    const one = someone()
    const endpoint = has_endpoint ? await tenant.endpoint() : null
    const message = { ...about(one), channels: [] }
    const key = { 'idempotency-key': one.subject }
    const { id } = (await tenant.publish(message, key)).body
    if (endpoint !== null) await tenant.deliveryIn('succeeded', id, endpoint.id)
    await erased(tenant, one.subject)
    for (const content of [message, { ...message, data: 'another' }]) {
      expect((await tenant.publish(content, key)).body).toMatchObject({ id, duplicate: true })
    }
    expect(await whereIs(one.secret, tenant)).toEqual([])
    if (endpoint !== null) expect(receivers.current.arrivals(endpoint.url)).toHaveLength(1)
  })
})

it('reaches rows that a deleted endpoint has left', async () => {
  const tenant = await createTenant()
  const one = someone()
  const endpoint = await tenant.endpoint()
  const id = await tenant.published({ ...about(one), channels: [] })
  await isProjected(tenant, id, endpoint)
  await tenant.call('DELETE', `/endpoints/${endpoint.id}`)
  expect(await whereIs(one.secret, tenant)).toEqual(['d1 deliveries'])
  await erased(tenant, one.subject)
  expect(await whereIs(one.secret, tenant)).toEqual([])
})

it('reaches what a queue gave up on, with its payload', async () => {
  const tenant = await createTenant()
  const one = someone()
  const accepted_at = Date.now()
  const subject = await hashSubject(tenant.id, one.subject)
  const id = 'msg_01JD9Z6Q3V8M4T2K7N5B1C0XYE'
  const r2_key = `${payloadsOfSubject(tenant.id, subject)}${id}/${accepted_at}-${'0'.repeat(32)}`
  await env.PAYLOADS.put(r2_key, one.secret)
  const item = {
    ...itemOf(accepted_at),
    message_id: id,
    subject,
    ordering_key: one.secret,
    body: { r2_key, size_bytes: 9 },
  }
  // Without members that a consumer needs: nobody could read it.
  await consumed('fanout', [{ v: 1, tenant_id: tenant.id, item }])
  expect(await whereIs(one.secret, tenant)).toEqual(['d1 dead_letters', `r2 ${r2_key}`])
  expect((await erased(tenant, one.subject)).erased).toMatchObject({ dead_letters: 1, payloads: 1 })
  expect(await whereIs(one.secret, tenant)).toEqual([])
})

describe('the receipt', () => {
  it('is signed: whoever changes a count in the database is found out', async () => {
    const tenant = await createTenant()
    const one = someone()
    await tenant.published(about(one))
    const done = await erased(tenant, one.subject)
    expect(done).toMatchObject({ requested_by: 'key_settings', completed_at: expect.any(String) })
    const times = [Date.parse(done.requested_at), done.requested_by, Date.parse(done.completed_at)]
    const members = [tenant.id, done.id, done.subject_hash, ...times, ...Object.values(done.erased)]
    expect(done.receipt).toMatchObject({
      digest: createHash('sha256').update(JSON.stringify(members)).digest('hex'),
      authenticity: 'authentic',
    })
    await env.DB.prepare('UPDATE erasures SET unmatched_messages = 2 WHERE id = ?').bind(done.id).run()
    expect((await erasureOf(tenant, done)).receipt).toMatchObject({ authenticity: 'altered' })
    await env.DB.prepare(
      "UPDATE erasures SET unmatched_messages = 1, signature = 'gone.' || substr(signature, instr(signature, '.') + 1) WHERE id = ?",
    )
      .bind(done.id)
      .run()
    expect((await erasureOf(tenant, done)).receipt).toMatchObject({ authenticity: 'unknown_key' })
  })

  it('is there when it is done, and not before', async () => {
    const tenant = await createTenant()
    const erasure = await erasing(tenant, 'nobody')
    expect(erasure).toMatchObject({ state: 'running', completed_at: null, receipt: null })
    expect(JSON.stringify(erasure)).not.toContain('nobody')
    await firstPassOver(tenant, erasure)
    expect(await erasureOf(tenant, erasure)).toMatchObject({ state: 'running', receipt: null })
    expect(await laterPass(tenant, erasure)).toMatchObject({ state: 'completed', receipt: expect.anything() })
  })
})
