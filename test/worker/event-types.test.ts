import { describe, expect, it } from 'vitest'
import { createTenant, type Json, type TenantHandle } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

async function createEventType(tenant: TenantHandle, name: string, description?: string): Promise<Json> {
  const { status, body } = await tenant.call('POST', '/event-types', { body: { name, description } })
  expect(status, JSON.stringify(body)).toBe(201)
  return body
}

describe('an event type', () => {
  it('is created, and found by its name', async () => {
    const tenant = await createTenant()
    const made = await createEventType(tenant, 'invoice.paid', 'An invoice was paid')
    expect(made).toMatchObject({ name: 'invoice.paid', description: 'An invoice was paid' })
    expect((await tenant.call('GET', '/event-types/invoice.paid')).body).toEqual(made)
  })

  it('has an empty description unless told otherwise, and keeps it when nothing is named', async () => {
    const tenant = await createTenant()
    expect((await createEventType(tenant, 'a')).description).toBe('')
    await tenant.call('PATCH', '/event-types/a', { body: { description: 'first letter' } })
    const { status, body } = await tenant.call('PATCH', '/event-types/a', { body: {} })
    expect([status, body.description]).toEqual([200, 'first letter'])
  })

  it('is gone once deleted', async () => {
    const tenant = await createTenant()
    await createEventType(tenant, 'invoice.paid')
    expect((await tenant.call('DELETE', '/event-types/invoice.paid')).status).toBe(204)
    expectProblem(await tenant.call('GET', '/event-types/invoice.paid'), 404, 'not_found')
    await createEventType(tenant, 'invoice.paid')
  })

  it('is listed page by page, each once', async () => {
    const tenant = await createTenant()
    const names = ['a', 'b', 'c', 'd', 'e']
    for (const name of names) await createEventType(tenant, name)
    const listed: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const path: string = `/event-types?limit=2${cursor && `&cursor=${cursor}`}`
      const { body } = await tenant.call('GET', path)
      listed.push(...body.data.map(({ name }: { name: string }) => name))
      cursor = body.next_cursor
    }
    expect(listed).toEqual(['e', 'd', 'c', 'b', 'a'])
  })

  it('need not exist to be published', async () => {
    const tenant = await createTenant()
    expect((await tenant.publish({ type: 'never.heard.of' })).status).toBe(202)
  })
})

describe('an event type is refused', () => {
  it.each([
    ['nothing', ''],
    ['a space', 'invoice paid'],
    ['an empty segment', 'invoice..paid'],
    ['a dot at the end', 'invoice.'],
    ['a star, which is for subscriptions', 'invoice.*'],
    ['a slash', 'invoice/paid'],
    ['129 characters', 'x'.repeat(129)],
    ['a number', 7],
  ])('when its name is %s', async (_what, name) => {
    const reply = await (await createTenant()).call('POST', '/event-types', { body: { name } })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual(['name'])
  })

  it('when there is one of that name, which stays as it is', async () => {
    const tenant = await createTenant()
    await createEventType(tenant, 'invoice.paid', 'first')
    const again = await tenant.call('POST', '/event-types', { body: { name: 'invoice.paid', description: 'second' } })
    expectProblem(again, 409, 'event_type_exists')
    expect((await tenant.call('GET', '/event-types/invoice.paid')).body.description).toBe('first')
  })

  it('when its tenant has as many as it may', async () => {
    const tenant = await createTenant({ limits: { event_types: 2 } })
    await createEventType(tenant, 'a')
    await createEventType(tenant, 'b')
    expectProblem(await tenant.call('POST', '/event-types', { body: { name: 'c' } }), 422, 'limit_reached')
    expectProblem(await tenant.call('POST', '/event-types', { body: { name: 'a' } }), 409, 'event_type_exists')
  })

  it('members that do not exist', async () => {
    const tenant = await createTenant()
    await createEventType(tenant, 'a')
    expectProblem(await tenant.call('POST', '/event-types', { body: { name: 'b', icon: 'x' } }), 422, 'invalid_request')
    expectProblem(await tenant.call('PATCH', '/event-types/a', { body: { name: 'b' } }), 422, 'invalid_request')
  })

  it.each(['GET', 'PATCH', 'DELETE'])('%s when it does not exist', async (method) => {
    const options = method === 'PATCH' ? { body: { description: 'x' } } : {}
    expectProblem(await (await createTenant()).call(method, '/event-types/none', options), 404, 'not_found')
  })
})

describe('an event type of another tenant', () => {
  it.each(['GET', 'PATCH', 'DELETE'])('is out of reach of %s, and unharmed', async (method) => {
    const [tenant, other] = [await createTenant(), await createTenant()]
    const made = await createEventType(other, 'invoice.paid', 'theirs')
    const key = await tenant.key('admin')
    const options = { key, ...(method === 'PATCH' && { body: { description: 'mine' } }) }
    expectProblem(await tenant.call(method, '/event-types/invoice.paid', options), 404, 'not_found')
    expect((await tenant.call('GET', '/event-types', { key })).body.data).toEqual([])
    expect((await other.call('GET', '/event-types/invoice.paid')).body).toEqual(made)
  })
})
