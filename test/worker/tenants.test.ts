import { describe, expect, it } from 'vitest'
import { call, createTenant, TenantHandle } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

const freshId = () => `t-${crypto.randomUUID()}`

const DEFAULT_LIMITS = {
  endpoints: 100,
  event_types: 1000,
  keys: 100,
  messages_burst: null,
  messages_per_month: null,
  messages_per_second: null,
  payload_bytes: 262_144,
  schema_bytes: 262_144,
  sources: 100,
  unfinished_per_endpoint: 1_000_000,
}

describe('a tenant', () => {
  it('is created under the id that the operator chose, with the limits of everybody', async () => {
    const id = freshId()
    const { status, body } = await call('POST', '/v1/tenants', { body: { id, name: 'Acme Corp.' } })
    expect(status).toBe(201)
    expect(body).toEqual({
      id,
      name: 'Acme Corp.',
      limits: DEFAULT_LIMITS,
      disable_after_days: 5,
      retention_days: 30,
      audit_retention_days: 365,
      unknown_event_types: 'accept',
      step_up: 'enrolled',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updated_at: body.created_at,
    })
    expect((await call('GET', `/v1/tenants/${id}`)).body).toEqual(body)
  })

  it('can be read with a key of its own that may read', async () => {
    const tenant = await createTenant()
    for (const role of ['admin', 'developer', 'viewer']) {
      const { status, body } = await tenant.call('GET', '', { key: await tenant.key(role) })
      expect([status, body.id]).toEqual([200, tenant.id])
    }
  })

  it('changes in what is named and nothing else', async () => {
    const tenant = await createTenant({ retention_days: 7, limits: { endpoints: 5 } })
    const { status, body } = await tenant.call('PATCH', '', { body: { name: 'New name' } })
    expect(status).toBe(200)
    expect(body).toMatchObject({ name: 'New name', retention_days: 7, limits: { ...DEFAULT_LIMITS, endpoints: 5 } })
    expect((await tenant.call('GET', '')).body).toEqual(body)
  })

  it('takes a whole new set of limits, so that one left out is the default again', async () => {
    const tenant = await createTenant({ limits: { endpoints: 5 } })
    const { body } = await tenant.call('PATCH', '', { body: { limits: { keys: 3 } } })
    expect(body.limits).toEqual({ ...DEFAULT_LIMITS, keys: 3 })
  })

  it('is listed newest first, page by page, each once', async () => {
    const ids: string[] = []
    for (let n = 0; n < 5; n++) ids.push((await createTenant()).id)
    const listed: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const path: string = `/v1/tenants?limit=2${cursor && `&cursor=${cursor}`}`
      const { body } = await call('GET', path)
      expect(body.data.length).toBeLessThanOrEqual(2)
      listed.push(...body.data.map((tenant: { id: string }) => tenant.id))
      cursor = body.next_cursor
    }
    // By creation time; those of one millisecond come in the order of their ids.
    expect(listed.filter((id) => ids.includes(id)).toSorted()).toEqual(ids.toSorted())
    const { data } = (await call('GET', '/v1/tenants?limit=250')).body
    const times = data.map(({ created_at }: { created_at: string }) => created_at)
    expect(times).toEqual(times.toSorted().reverse())
  })

  it('is gone from the moment it is deleted, and so are its keys', async () => {
    const tenant = await createTenant()
    const key = await tenant.key('admin')
    await tenant.published()
    expect((await tenant.call('DELETE', '')).status).toBe(204)
    expectProblem(await tenant.call('GET', ''), 404, 'not_found')
    expectProblem(await tenant.call('GET', '', { key }), 401, 'unauthorized')
  })
})

describe('a tenant is refused', () => {
  it.each([
    ['upper case', 'Acme'],
    ['a space', 'ac me'],
    ['a leading hyphen', '-acme'],
    ['a trailing hyphen', 'acme-'],
    ['a slash', 'a/b'],
    ['a dot', 'a.b'],
    ['an umlaut', 'ä'],
    ['nothing', ''],
    ['65 characters', 'a'.repeat(65)],
    ['a trailing line break', 'acme\n'],
  ])('with an id of %s', async (_what, id) => {
    const reply = await call('POST', '/v1/tenants', { body: { id, name: 'Acme' } })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual(['id'])
  })

  it.each([
    ['no name', {}, 'name'],
    ['a blank name', { name: '  ' }, 'name'],
    ['a name of 201 characters', { name: 'x'.repeat(201) }, 'name'],
    ['a limit below the least', { name: 'x', limits: { keys: 0 } }, 'limits.keys'],
    [
      'a payload limit beyond the most',
      { name: 'x', limits: { payload_bytes: 1024 ** 2 + 1 } },
      'limits.payload_bytes',
    ],
    ['half an endpoint', { name: 'x', limits: { endpoints: 1.5 } }, 'limits.endpoints'],
    ['retention as text', { name: 'x', retention_days: '30' }, 'retention_days'],
    ['no retention', { name: 'x', retention_days: 0 }, 'retention_days'],
    ['31 days of failing', { name: 'x', disable_after_days: 31 }, 'disable_after_days'],
  ])('with %s', async (_what, fields, member) => {
    const reply = await call('POST', '/v1/tenants', { body: { id: freshId(), ...fields } })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
  })

  it.each([
    ['when it is created', 'POST', ''],
    ['when it is changed', 'PATCH', '/{id}'],
  ])('with a member that does not exist, %s', async (_when, method, suffix) => {
    const { id } = await createTenant()
    const body = { ...(method === 'POST' && { id: freshId(), name: 'x' }), colour: 'red' }
    const reply = await call(method, `/v1/tenants${suffix.replace('{id}', id)}`, { body })
    expectProblem(reply, 422, 'invalid_request')
    expect(reply.body.detail).toContain('colour')
  })

  it('when another has the id already, whoever comes first of several at once', async () => {
    const id = freshId()
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, n) => call('POST', '/v1/tenants', { body: { id, name: `racer ${n}` } })),
    )
    const [won, ...lost] = replies.toSorted((a, b) => a.status - b.status)
    expect(won?.status).toBe(201)
    for (const reply of lost) expectProblem(reply, 409, 'tenant_exists')
    expect((await call('GET', `/v1/tenants/${id}`)).body.name).toBe(won?.body.name)
  })

  it('another id later', async () => {
    const tenant = await createTenant()
    expectProblem(await tenant.call('PATCH', '', { body: { id: freshId() } }), 422, 'invalid_request')
  })

  it('its deletion while it has endpoints, and then nothing of it is deleted', async () => {
    const tenant = await createTenant()
    const key = await tenant.key('viewer')
    await tenant.endpoint()
    expectProblem(await tenant.call('DELETE', ''), 409, 'tenant_not_empty')
    expect((await tenant.call('GET', '/endpoints', { key })).body.data).toHaveLength(1)
  })

  it.each(['GET', 'PATCH', 'DELETE'])('%s when it does not exist', async (method) => {
    const nobody = new TenantHandle(freshId())
    expectProblem(await nobody.call(method, '', method === 'PATCH' ? { body: {} } : {}), 404, 'not_found')
  })
})

describe('a tenant’s admin', () => {
  it.each([
    ['raise the tenant’s limits', 'PATCH', { limits: { endpoints: 10_000 } }],
    ['delete the tenant', 'DELETE', undefined],
  ])('cannot %s', async (_what, method, body) => {
    const tenant = await createTenant()
    const before = (await tenant.call('GET', '')).body
    const key = await tenant.key('admin')
    expectProblem(await tenant.call(method, '', { key, body }), 403, 'forbidden')
    expect((await tenant.call('GET', '')).body).toEqual(before)
  })

  it.each([
    ['see who else is here', 'GET', undefined],
    ['make another tenant', 'POST', { id: 'intruder', name: 'Intruder' }],
  ])('cannot %s', async (_what, method, body) => {
    const key = await (await createTenant()).key('admin')
    expectProblem(await call(method, '/v1/tenants', { key, body }), 403, 'forbidden')
  })
})
