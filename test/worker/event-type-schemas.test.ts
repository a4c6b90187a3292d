import { describe, expect, it } from 'vitest'
import { createTenant, type Json, type TenantHandle, useReceivers } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

const receivers = useReceivers()

const INVOICE = {
  type: 'object',
  required: ['amount'],
  properties: { amount: { type: 'integer', minimum: 0 }, currency: { enum: ['EUR', 'USD'] } },
}

async function typed(tenant: TenantHandle, settings: Record<string, unknown> = { schema: INVOICE }): Promise<Json> {
  const { status, body } = await tenant.call('POST', '/event-types', { body: { name: 'invoice.paid', ...settings } })
  expect(status, JSON.stringify(body)).toBe(201)
  return body
}

async function change(tenant: TenantHandle, settings: Record<string, unknown>): Promise<Json> {
  const { status, body } = await tenant.call('PATCH', '/event-types/invoice.paid', { body: settings })
  expect(status, JSON.stringify(body)).toBe(200)
  return body
}

describe('the schema of an event type', () => {
  it('is shown with the type, with an example made from it', async () => {
    const tenant = await createTenant()
    const made = await typed(tenant)
    expect(made).toMatchObject({
      schema: INVOICE,
      schema_version: 1,
      schema_versions: [{ version: 1, created_at: made.created_at }],
      example: null,
      generated_example: { amount: 0, currency: 'EUR' },
    })
    expect((await tenant.call('GET', '/event-types/invoice.paid')).body).toEqual(made)
    expect((await tenant.call('GET', '/event-types')).body.data).toEqual([
      expect.objectContaining({ schema_version: 1 }),
    ])
  })

  it('becomes the next version when it is replaced, and stays the same when it is said again', async () => {
    const tenant = await createTenant()
    await typed(tenant)
    expect((await change(tenant, { schema: INVOICE, description: 'x' })).schema_version).toBe(1)
    const changed = await change(tenant, { schema: { type: 'string' } })
    expect(changed).toMatchObject({ schema_version: 2, schema_versions: [{ version: 2 }, { version: 1 }] })
    const first = await tenant.call('GET', '/event-types/invoice.paid/schemas/1')
    expect(first.body).toMatchObject({ version: 1, schema: INVOICE })
    expectProblem(await tenant.call('GET', '/event-types/invoice.paid/schemas/3'), 404, 'not_found')
  })

  it('is removed by a version that demands nothing', async () => {
    const tenant = await createTenant()
    await typed(tenant)
    expect(await change(tenant, { schema: null })).toMatchObject({ schema: null, schema_version: 2 })
    expect((await tenant.publish({ data: 'anything' })).status).toBe(202)
    expectProblem(await tenant.publish({ data: 'anything', schema_version: 1 }), 422, 'payload_invalid')
  })

  it.each([
    ['is none', { type: 'money' }, '/schema/type'],
    ['refers to another document', { $ref: 'https://example.com/' }, '/schema/$ref'],
    ['has an expression that only backtracking can match', { pattern: '(a)\\1' }, '/schema/pattern'],
    ['is a number', 7, '/schema'],
  ])('is refused when it %s, and nothing is saved', async (_why, schema, path) => {
    const tenant = await createTenant()
    const reply = await tenant.call('POST', '/event-types', { body: { name: 'invoice.paid', schema } })
    expectProblem(reply, 422, 'invalid_schema')
    expect(blamed(reply)).toEqual([path])
    expectProblem(await tenant.call('GET', '/event-types/invoice.paid'), 404, 'not_found')
    await typed(tenant)
    expectProblem(await tenant.call('PATCH', '/event-types/invoice.paid', { body: { schema } }), 422, 'invalid_schema')
    expect((await tenant.call('GET', '/event-types/invoice.paid')).body.schema).toEqual(INVOICE)
  })

  it('is refused beyond what all schemas of the tenant may take together', async () => {
    const tenant = await createTenant({ limits: { schema_bytes: 300 } })
    const of_200_bytes = { description: 'x'.repeat(182) }
    await typed(tenant, { schema: of_200_bytes })
    const other = { body: { name: 'b', schema: of_200_bytes } }
    expectProblem(await tenant.call('POST', '/event-types', other), 422, 'limit_reached')
    expectProblem(await tenant.call('GET', '/event-types/b'), 404, 'not_found')
    const more = { body: { schema: { ...of_200_bytes, title: 'y' }, description: 'new' } }
    expectProblem(await tenant.call('PATCH', '/event-types/invoice.paid', more), 422, 'limit_reached')
    const { body } = await tenant.call('GET', '/event-types/invoice.paid')
    expect(body).toMatchObject({ schema_version: 1, description: '' })
    expect((await tenant.call('POST', '/event-types', { body: { name: 'b' } })).status).toBe(201)
  })

  it('has ten versions at most, of which all but the newest can be deleted', async () => {
    const tenant = await createTenant()
    await typed(tenant, { schema: { title: '1' } })
    for (let i = 2; i <= 10; i++) await change(tenant, { schema: { title: `${i}` } })
    const eleventh = { body: { schema: { title: '11' } } }
    expectProblem(await tenant.call('PATCH', '/event-types/invoice.paid', eleventh), 422, 'limit_reached')
    expectProblem(await tenant.call('DELETE', '/event-types/invoice.paid/schemas/10'), 409, 'wrong_state')
    expect((await tenant.call('DELETE', '/event-types/invoice.paid/schemas/1')).status).toBe(204)
    expectProblem(await tenant.call('DELETE', '/event-types/invoice.paid/schemas/1'), 404, 'not_found')
    expect((await tenant.call('PATCH', '/event-types/invoice.paid', eleventh)).body.schema_version).toBe(11)
    expectProblem(await tenant.publish({ schema_version: 1 }), 422, 'schema_version_unknown')
    expect((await tenant.publish({ schema_version: 2 })).status).toBe(202)
  })

  it('begins anew when its type was deleted', async () => {
    const tenant = await createTenant()
    await typed(tenant)
    expect((await tenant.call('DELETE', '/event-types/invoice.paid')).status).toBe(204)
    expect((await tenant.publish({ data: 'anything' })).status).toBe(202)
    expect(await typed(tenant, { schema: true })).toMatchObject({ schema: true, schema_versions: [{ version: 1 }] })
  })

  it('is replaced by one of two who do it at the same time, and the other is told', async () => {
    const tenant = await createTenant()
    await typed(tenant)
    const patch = (title: string) => tenant.call('PATCH', '/event-types/invoice.paid', { body: { schema: { title } } })
    const replies = await Promise.all([patch('a'), patch('b')])
    const { body } = await tenant.call('GET', '/event-types/invoice.paid')
    const won = replies.filter(({ status }) => status === 200)
    // One after the other is as good.
    expect(body.schema_version).toBe(1 + won.length)
    for (const reply of replies) if (reply.status !== 200) expectProblem(reply, 409, 'changed_meanwhile')
  })
})

describe('a published message of a type with a schema', () => {
  it('is accepted when its data fits, and refused with all that is wrong when it does not', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await typed(tenant)
    expect((await tenant.publish({ data: { amount: 1 } })).status).toBe(202)
    const reply = await tenant.publish({ data: { amount: -1, currency: 'DM' } })
    expectProblem(reply, 422, 'payload_invalid')
    expect(reply.body.errors).toEqual([
      { path: '/data/amount', message: 'must be at least 0' },
      { path: '/data/currency', message: 'must be one of the values of its enum' },
    ])
    expect(reply.body.schema_version).toBe(1)
    expect((await tenant.call('GET', `/deliveries?endpoint_id=${endpoint.id}`)).body.data).toHaveLength(1)
  })

  it('has to fit the newest version, unless it names another', async () => {
    const tenant = await createTenant()
    await typed(tenant)
    await change(tenant, { schema: { type: 'string' } })
    expect((await tenant.publish({ data: 'x' })).status).toBe(202)
    expectProblem(await tenant.publish({ data: { amount: 1 } }), 422, 'payload_invalid')
    expect((await tenant.publish({ data: { amount: 1 }, schema_version: 1 })).status).toBe(202)
    expectProblem(await tenant.publish({ data: 'x', schema_version: 3 }), 422, 'schema_version_unknown')
  })

  it('may not name a version where there is no schema', async () => {
    expectProblem(await (await createTenant()).publish({ schema_version: 1 }), 422, 'schema_version_unknown')
  })

  it('is judged by its numbers however they are written, and delivered as it was written', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await typed(tenant)
    const text = '{"type":"invoice.paid","data":{"amount":12345678901234567890}}'
    const { status, body } = await tenant.call('POST', '/messages', { text })
    expect(status, JSON.stringify(body)).toBe(202)
    await tenant.deliveryIn('succeeded', body.id, endpoint.id)
    expect(receivers.current.arrivals(endpoint.url)[0]?.body).toContain('"amount":12345678901234567890')
    const wrong = '{"type":"invoice.paid","data":{"amount":-1.00000000000000000001}}'
    expectProblem(await tenant.call('POST', '/messages', { text: wrong }), 422, 'payload_invalid')
  })

  it('is not looked into when it is raw, whose bytes are its publisher’s own', async () => {
    const tenant = await createTenant()
    await typed(tenant)
    const raw = { type: 'invoice.paid', raw: '{}', content_type: 'application/json' }
    expect((await tenant.call('POST', '/messages', { body: raw })).status).toBe(202)
    const named = { body: { ...raw, schema_version: 1 } }
    expectProblem(await tenant.call('POST', '/messages', named), 422, 'invalid_request')
  })

  it('holds up no other message of its batch', async () => {
    const tenant = await createTenant()
    await typed(tenant)
    const messages = [{ amount: 1 }, { amount: 'x' }, { amount: 2 }].map((data) => ({ type: 'invoice.paid', data }))
    const { body } = await tenant.call('POST', '/messages/batch', { body: { messages } })
    expect(body.results.map(({ status }: Json) => status)).toEqual([202, 422, 202])
    expect(body.results[1]).toMatchObject({
      code: 'payload_invalid',
      errors: [{ path: '/data/amount', message: 'must be integer' }],
    })
  })

  it('is refused, not served with an error of ours, when it is longer than a check reads', async () => {
    const tenant = await createTenant()
    await typed(tenant, { schema: { items: { $ref: '#' }, pattern: '(x|y|z|w){1,40}q$' } })
    const data = Array.from({ length: 40 }, () => 'a'.repeat(5000))
    const reply = await tenant.publish({ data })
    expectProblem(reply, 422, 'payload_invalid')
    expect(reply.body.detail).toContain('cannot be checked')
  })
})

describe('a type that should no longer be used', () => {
  it('is accepted with a warning while it is deprecated', async () => {
    const tenant = await createTenant()
    await typed(tenant, { deprecated: true })
    const warnings = [{ code: 'event_type_deprecated', detail: 'invoice.paid is deprecated' }]
    expect((await tenant.publish()).body.warnings).toEqual(warnings)
    const messages = [{ type: 'invoice.paid', data: 1 }]
    const { body } = await tenant.call('POST', '/messages/batch', { body: { messages } })
    expect(body.results[0].message.warnings).toEqual(warnings)
    await change(tenant, { deprecated: false })
    expect((await tenant.publish()).body.warnings).toEqual([])
  })

  it('keeps the time since when it is deprecated', async () => {
    const tenant = await createTenant()
    const { deprecated_at } = await typed(tenant, { deprecated: true })
    expect(deprecated_at).toMatch(/Z$/)
    expect((await change(tenant, { deprecated: true })).deprecated_at).toBe(deprecated_at)
  })

  it('is refused while it is archived, raw or not, and in test messages', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await typed(tenant)
    await change(tenant, { archived: true })
    expectProblem(await tenant.publish(), 422, 'event_type_archived')
    const raw = { type: 'invoice.paid', raw: '<a/>', content_type: 'text/xml' }
    expectProblem(await tenant.call('POST', '/messages', { body: raw }), 422, 'event_type_archived')
    const test = { body: { event_type: 'invoice.paid' } }
    expectProblem(await tenant.call('POST', `/endpoints/${endpoint.id}/test`, test), 422, 'event_type_archived')
    await change(tenant, { archived: false })
    expect((await tenant.publish()).status).toBe(202)
  })
})

describe('a type that is not in the catalogue', () => {
  it('is refused where the tenant wants it so, until it is there', async () => {
    const tenant = await createTenant({ unknown_event_types: 'refuse' })
    expectProblem(await tenant.publish(), 422, 'event_type_unknown')
    await typed(tenant, {})
    expect((await tenant.publish({ data: 'anything' })).status).toBe(202)
    await tenant.call('DELETE', '/event-types/invoice.paid')
    expectProblem(await tenant.publish(), 422, 'event_type_unknown')
    const { status } = await tenant.call('PATCH', '', { body: { unknown_event_types: 'accept' } })
    expect(status).toBe(200)
    expect((await tenant.publish()).status).toBe(202)
  })

  it('is not made known by another tenant that has it', async () => {
    const [tenant, other] = [await createTenant({ unknown_event_types: 'refuse' }), await createTenant()]
    await typed(other)
    expectProblem(await tenant.publish(), 422, 'event_type_unknown')
  })
})

describe('a test message', () => {
  async function sent(tenant: TenantHandle, endpoint: Json): Promise<Json> {
    const { status, body } = await tenant.call('POST', `/endpoints/${endpoint.id}/test`, {
      body: { event_type: 'invoice.paid' },
    })
    expect(status, JSON.stringify(body)).toBe(202)
    await tenant.deliveryIn('succeeded', body.message_id, endpoint.id)
    return JSON.parse(receivers.current.arrivals(endpoint.url).at(-1)?.body ?? '').data
  }

  it('carries an example that fits the schema of its type', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await typed(tenant)
    const data = await sent(tenant, endpoint)
    expect((await tenant.publish({ data })).status).toBe(202)
    expect(data).toEqual({ amount: 0, currency: 'EUR' })
  })

  it('carries the example of its type where it has one', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await typed(tenant, { schema: INVOICE, example: { amount: 99 } })
    expect(await sent(tenant, endpoint)).toEqual({ amount: 99 })
  })

  it('is refused where no example could be made, until there is one', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const made = await typed(tenant, { schema: { type: 'array', minItems: 500 } })
    expect(made.generated_example).toBeNull()
    const test = { body: { event_type: 'invoice.paid' } }
    expectProblem(await tenant.call('POST', `/endpoints/${endpoint.id}/test`, test), 422, 'example_missing')
    const example = Array.from({ length: 500 }, () => 1)
    await change(tenant, { example })
    expect(await sent(tenant, endpoint)).toEqual(example)
  })
})

describe('the example of an event type', () => {
  it('has to fit the schema, also the one that comes', async () => {
    const tenant = await createTenant()
    const wrong = { body: { name: 'invoice.paid', schema: INVOICE, example: { amount: 'x' } } }
    const refused = await tenant.call('POST', '/event-types', wrong)
    expectProblem(refused, 422, 'invalid_request')
    expect(blamed(refused)).toEqual(['/example/amount'])
    await typed(tenant, { schema: INVOICE, example: { amount: 1 } })
    const other = { body: { schema: { type: 'string' } } }
    expectProblem(await tenant.call('PATCH', '/event-types/invoice.paid', other), 422, 'invalid_request')
    expect(await change(tenant, { schema: { type: 'string' }, example: 'x' })).toMatchObject({ example: 'x' })
    expect(await change(tenant, { example: null })).toMatchObject({ example: null, generated_example: 'example' })
  })
})
