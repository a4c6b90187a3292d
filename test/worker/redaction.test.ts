/** Redaction: what its owner has named is shown to nobody who may not see it, and delivered to everybody. */
import { describe, expect, it } from 'vitest'
import { breakDatabase, createTenant, eventually, type Json, type TenantHandle, useReceivers } from './harness.ts'
import { expectProblem } from './problem.ts'

const receivers = useReceivers()
const EMAIL = 'jane.doe@example.org'

async function tenantThatRedacts(redact: string[] = ['/email']) {
  const tenant = await createTenant()
  const { status } = await tenant.call('POST', '/event-types', { body: { name: 'user.created', redact } })
  expect(status).toBe(201)
  const endpoint = await tenant.endpoint({ retry_delays_s: [] })
  return { tenant, endpoint }
}

const publishUser = (tenant: TenantHandle, data: unknown = { email: EMAIL, plan: 'pro' }) =>
  tenant.published({ type: 'user.created', data })

/** A message as this key sees it. */
const messageOf = async (tenant: TenantHandle, id: string, query = '', key?: string): Promise<Json> =>
  (await tenant.call('GET', `/messages/${id}${query}`, key === undefined ? {} : { key })).body

const dataOf = ({ payload }: Json) => JSON.parse(payload).data

describe('the payload of a message', () => {
  it('is shown without what its type has redacted', async () => {
    const { tenant } = await tenantThatRedacts(['/email', '/items/*/owner'])
    const id = await publishUser(tenant, {
      email: EMAIL,
      items: [
        { owner: 'a', n: 1 },
        { owner: 'b', n: 2 },
      ],
    })
    const message = await messageOf(tenant, id)
    expect(message).toMatchObject({ payload_redacted: true, payload_omitted: null })
    expect(dataOf(message)).toEqual({
      email: '[redacted]',
      items: [
        { owner: '[redacted]', n: 1 },
        { owner: '[redacted]', n: 2 },
      ],
    })
  })

  it('keeps every other byte', async () => {
    const { tenant, endpoint } = await tenantThatRedacts()
    const text = '{"type":"user.created","data":{"n":12345678901234567890.10,"email":"x","n2":1e400}}'
    const { body } = await tenant.call('POST', '/messages', { text })
    const arrival = await eventually('the arrival', () => receivers.current.arrivals(endpoint.url)[0])
    const { payload } = await messageOf(tenant, body.id)
    expect(payload).toBe(arrival.body.replace('"x"', '"[redacted]"'))
    expect(payload).toContain('12345678901234567890.10')
  })

  it.each([
    ['JSON is looked into', 'application/vnd.acme+json', `{"email":"${EMAIL}","n":1}`, '{"email":"[redacted]","n":1}'],
    ['anything else is hidden as a whole', 'text/plain', `mail to ${EMAIL}`, '[redacted]'],
    ['what should be JSON and is not is hidden as a whole', 'application/json', `{"email":"${EMAIL}"`, '[redacted]'],
  ])('that is raw: %s', async (_, content_type, raw, shown) => {
    const { tenant } = await tenantThatRedacts()
    const id = await tenant.published({ type: 'user.created', data: undefined, raw, content_type })
    expect(await messageOf(tenant, id)).toMatchObject({ payload: shown, payload_redacted: true })
  })

  it('that lies in R2, or that nobody subscribed to, is no exception', async () => {
    const { tenant, endpoint } = await tenantThatRedacts()
    const large = await publishUser(tenant, { email: EMAIL, filler: 'x'.repeat(120_000) })
    expect(dataOf(await messageOf(tenant, large)).email).toBe('[redacted]')
    await tenant.call('DELETE', `/endpoints/${endpoint.id}`)
    const unmatched = await publishUser(tenant)
    expect(dataOf(await messageOf(tenant, unmatched)).email).toBe('[redacted]')
  })

  it('goes by what is redacted now, also when it was stored before', async () => {
    const { tenant } = await tenantThatRedacts([])
    const id = await publishUser(tenant)
    expect(dataOf(await messageOf(tenant, id)).email).toBe(EMAIL)
    await tenant.call('PATCH', '/event-types/user.created', { body: { redact: ['/email'] } })
    expect(dataOf(await messageOf(tenant, id)).email).toBe('[redacted]')
    await tenant.call('PATCH', '/event-types/user.created', { body: { redact: [] } })
    expect(dataOf(await messageOf(tenant, id)).email).toBe(EMAIL)
  })
})

describe('while the database does not say what is redacted', () => {
  it('everything is, and states and times are shown all the same', async () => {
    const { tenant, endpoint } = await tenantThatRedacts([])
    const id = await publishUser(tenant)
    await tenant.deliveryIn('succeeded', id, endpoint.id)
    const mend = breakDatabase((sql) => sql.includes('redact'))
    const message = await messageOf(tenant, id)
    expect(message).toMatchObject({ id, type: 'user.created', payload_redacted: true })
    expect(dataOf(message)).toBe('[redacted]')
    expect(await tenant.delivery(id, endpoint.id)).toMatchObject({ state: 'succeeded', attempt_count: 1 })
    mend()
    expect(dataOf(await messageOf(tenant, id)).email).toBe(EMAIL)
  })
})

describe('what is redacted in all messages of a tenant', () => {
  it('covers types that are in no catalogue, and adds to those that are', async () => {
    const { tenant } = await tenantThatRedacts(['/email'])
    expect((await tenant.call('GET', '/redaction')).body).toEqual({ redact: [] })
    const set = await tenant.call('PUT', '/redaction', { body: { redact: ['/plan'] } })
    expect(set).toMatchObject({ status: 200, body: { redact: ['/plan'] } })
    const data = { email: EMAIL, plan: 'pro', seats: 3 }
    const known = await messageOf(tenant, await publishUser(tenant, data))
    expect(dataOf(known)).toEqual({ email: '[redacted]', plan: '[redacted]', seats: 3 })
    const unknown = await messageOf(tenant, await tenant.published({ type: 'user.unknown', data }))
    expect(dataOf(unknown)).toEqual({ email: EMAIL, plan: '[redacted]', seats: 3 })
  })

  it('is for admins to set, and recorded', async () => {
    const { tenant } = await tenantThatRedacts()
    for (const role of ['developer', 'viewer', 'publisher']) {
      const refused = await tenant.call('PUT', '/redaction', { key: await tenant.key(role), body: { redact: ['/a'] } })
      expectProblem(refused, 403, 'forbidden')
    }
    await tenant.call('PUT', '/redaction', { key: await tenant.key('admin'), body: { redact: ['/a'] } })
    const { data } = (await tenant.call('GET', '/audit-log')).body
    expect(data[0]).toMatchObject({ action: 'redaction.update', before: { redact: [] }, after: { redact: ['/a'] } })
  })
})

describe('what a receiver answered', () => {
  async function attemptAt(
    answer: () => Response,
    data?: unknown,
  ): Promise<{ tenant: TenantHandle; id: string; attempt: Json }> {
    const { tenant, endpoint } = await tenantThatRedacts()
    receivers.current.become(endpoint.url, answer)
    const id = await publishUser(tenant, data)
    const { attempt_log } = await tenant.deliveryIn('dead', id, endpoint.id)
    return { tenant, id: `${id}.${endpoint.id}`, attempt: attempt_log[0] }
  }

  it('is shown when it has nothing of what is redacted', async () => {
    const { attempt } = await attemptAt(
      () => new Response('database is locked', { status: 500, headers: { 'x-a': 'b' } }),
    )
    expect(attempt).toMatchObject({
      response_body: 'database is locked',
      response_headers: { 'x-a': 'b' },
      status: 500,
    })
  })

  it('is hidden as a whole when it quotes it, in the body or in a header', async () => {
    const answer = () =>
      new Response(`no account JANE.DOE%40example.org`, {
        status: 422,
        headers: { 'x-user': EMAIL, 'x-a': 'b' },
      })
    const { attempt } = await attemptAt(answer)
    expect(attempt).toMatchObject({ response_body: '[redacted]', status: 422, error: 'client_error' })
    expect(attempt.response_headers).toMatchObject({ 'x-user': '[redacted]', 'x-a': 'b' })
  })

  it('is shown to whoever may see it and asks for it, in the list of attempts too', async () => {
    const { tenant, id } = await attemptAt(() => new Response(EMAIL, { status: 500 }))
    const listed = async (query: string) => (await tenant.call('GET', `/deliveries/${id}/attempts${query}`)).body.data
    expect(await listed('')).toMatchObject([{ response_body: '[redacted]' }])
    expect(await listed('?reveal=true')).toMatchObject([{ response_body: EMAIL }])
  })
})

describe('an error of an expression', () => {
  it('is not quoted where it may quote what is redacted', async () => {
    const { tenant } = await tenantThatRedacts()
    const transforming = await tenant.endpoint({ transform: '$number(data.email)', retry_delays_s: [] })
    const filtering = await tenant.endpoint({ filter: '$number(data.email) > 1' })
    const id = await publishUser(tenant)
    const { attempt_log } = await tenant.deliveryIn('dead', id, transforming.id)
    expect(attempt_log[0]).toMatchObject({ error: 'transform_failed', detail: '[redacted]' })
    const filtered = await tenant.deliveryIn('succeeded', id, filtering.id)
    expect(filtered.reason).toBe('filter_failed: [redacted]')
    const revealed = await tenant.call('GET', `/deliveries/${id}.${filtering.id}?reveal=true`)
    expect(revealed.body.reason).toContain(EMAIL)
  })

  it('is a word alone in lists, whatever is redacted', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ filter: '$number(data.email) > 1' })
    const id = await publishUser(tenant)
    await tenant.deliveryIn('succeeded', id, endpoint.id)
    for (const path of [`/deliveries?endpoint_id=${endpoint.id}`, `/messages/${id}/deliveries`])
      expect((await tenant.call('GET', path)).body.data).toMatchObject([{ reason: 'filter_failed' }])
    const projected = await eventually(
      'the read model',
      async () => (await tenant.call('GET', '/deliveries')).body.data[0],
    )
    expect(projected.reason).toBe('filter_failed')
  })
})

describe('revealing', () => {
  it('is for admins who ask for it, and each time recorded', async () => {
    const { tenant } = await tenantThatRedacts()
    const id = await publishUser(tenant)
    const admin = await tenant.key('admin')
    expect(dataOf(await messageOf(tenant, id, '', admin)).email).toBe('[redacted]')
    const revealed = await messageOf(tenant, id, '?reveal=true', admin)
    expect(revealed.payload_redacted).toBe(false)
    expect(dataOf(revealed).email).toBe(EMAIL)
    const { data } = (await tenant.call('GET', '/audit-log')).body
    expect(data[0]).toMatchObject({ action: 'payload.reveal', target: id })
    expect(JSON.stringify(data)).not.toContain(EMAIL)
  })

  it.each(['developer', 'viewer'])('is refused to a %s', async (role) => {
    const { tenant, endpoint } = await tenantThatRedacts()
    const id = await publishUser(tenant)
    const key = await tenant.key(role)
    for (const path of [
      `/messages/${id}`,
      `/deliveries/${id}.${endpoint.id}`,
      `/deliveries/${id}.${endpoint.id}/attempts`,
    ])
      expectProblem(await tenant.call('GET', `${path}?reveal=true`, { key }), 403, 'forbidden')
  })

  it('is refused to a key whose scopes do not name it', async () => {
    const { tenant } = await tenantThatRedacts()
    const id = await publishUser(tenant)
    const make = async (scopes: string[]) =>
      (await tenant.call('POST', '/keys', { body: { name: 'k', role: 'admin', scopes } })).body.key
    const without = await make(['message.read'])
    expectProblem(await tenant.call('GET', `/messages/${id}?reveal=true`, { key: without }), 403, 'forbidden')
    const scoped = await make(['message.read', 'payload.reveal'])
    expect((await tenant.call('GET', `/messages/${id}?reveal=true`, { key: scoped })).status).toBe(200)
  })
})

describe('redacting less', () => {
  it.each([
    ['taking a pointer away', 'PATCH', { redact: ['/plan'] }],
    ['deleting the type', 'DELETE', undefined],
  ])('by %s is refused to whoever may not see what is redacted', async (_, method, body) => {
    const { tenant } = await tenantThatRedacts(['/email', '/plan'])
    const key = await tenant.key('developer')
    const path = '/event-types/user.created'
    expectProblem(await tenant.call(method, path, { key, ...(body && { body }) }), 403, 'forbidden')
    expect((await tenant.call('GET', path)).body.redact).toEqual(['/email', '/plan'])
    expect((await tenant.call(method, path, body && { body })).status).toBeLessThan(300)
  })

  it('is no matter where a developer redacts more, or changes something else', async () => {
    const { tenant } = await tenantThatRedacts(['/email'])
    const key = await tenant.key('developer')
    const body = { redact: ['/plan', '/email'], description: 'x' }
    const changed = await tenant.call('PATCH', '/event-types/user.created', { key, body })
    expect(changed).toMatchObject({ status: 200, body: { redact: ['/plan', '/email'], description: 'x' } })
    const again = await tenant.call('PATCH', '/event-types/user.created', { key, body: { description: 'y' } })
    expect(again.body).toMatchObject({ redact: ['/plan', '/email'], description: 'y' })
  })
})

describe('a list of pointers', () => {
  it.each([
    ['no pointer', ['email']],
    ['a pointer with a stray ~', ['/a~']],
    ['no text', [1]],
    ['a pointer that is too long', [`/${'a'.repeat(256)}`]],
    ['more than 50', Array.from({ length: 51 }, (_, i) => `/${i}`)],
  ])('with %s is refused, of a type and of a tenant', async (_, redact) => {
    const { tenant } = await tenantThatRedacts()
    expectProblem(await tenant.call('PUT', '/redaction', { body: { redact } }), 422, 'invalid_request')
    expectProblem(await tenant.call('POST', '/event-types', { body: { name: 'a.b', redact } }), 422, 'invalid_request')
    const refused = await tenant.call('PATCH', '/event-types/user.created', { body: { redact } })
    expectProblem(refused, 422, 'invalid_request')
  })

  it('may have 50, and is shown as it was given', async () => {
    const { tenant } = await tenantThatRedacts()
    const redact = ['', '/', '/a~1b', ...Array.from({ length: 47 }, (_, i) => `/items/${i}/*`)]
    await tenant.call('PATCH', '/event-types/user.created', { body: { redact } })
    expect((await tenant.call('GET', '/event-types/user.created')).body.redact).toEqual(redact)
  })
})
