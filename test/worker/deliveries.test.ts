import { describe, expect, it } from 'vitest'
import { createTenant, eventually, type Json, type TenantHandle, useReceivers } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

const receivers = useReceivers()

/** A delivery in every state that lasts, each of a type of its own: well, ill, dead, parked, cancelled. */
async function inEveryState() {
  const tenant = await createTenant()
  const [well, ill, dead, parked] = [
    await tenant.endpoint({ event_types: ['well'] }),
    await tenant.endpoint({ event_types: ['ill', 'cancelled'], retry_delays_s: [3600] }),
    await tenant.endpoint({ event_types: ['dead'], retry_delays_s: [] }),
    await tenant.endpoint({ event_types: ['parked'] }),
  ]
  receivers.current.become(ill.url, 500)
  receivers.current.become(dead.url, 500)
  await tenant.call('POST', `/endpoints/${parked.id}/disable`)
  const publish = async (type: string, endpoint: Json, state: string) => {
    const message_id = await tenant.published({ type })
    await tenant.deliveryIn(state, message_id, endpoint.id)
    return `${message_id}.${endpoint.id}`
  }
  const ids = {
    succeeded: await publish('well', well, 'succeeded'),
    waiting: await publish('ill', ill, 'waiting'),
    dead: await publish('dead', dead, 'dead'),
    parked: await publish('parked', parked, 'parked'),
    cancelled: await publish('cancelled', ill, 'waiting'),
  }
  await tenant.call('POST', `/deliveries/${ids.cancelled}/cancel`)
  return { tenant, endpoints: { well, ill, dead, parked }, ids }
}

async function idsOf(tenant: TenantHandle, query: string): Promise<string[]> {
  const { status, body } = await tenant.call('GET', `/deliveries?${query}`)
  expect(status, JSON.stringify(body)).toBe(200)
  return body.data.map(({ id }: Json) => id)
}

describe('the list of deliveries', () => {
  it('has all of the tenant within seconds, newest first, by state, type and endpoint', async () => {
    const { tenant, endpoints, ids } = await inEveryState()
    const listed = await eventually('the read model to catch up', async () => {
      const { data } = (await tenant.call('GET', '/deliveries')).body
      const states: string[] = data.map(({ state }: Json) => state)
      return states.toSorted().join() === Object.keys(ids).toSorted().join() && data
    })
    expect(listed.map(({ id }: Json) => id)).toEqual(Object.values(ids).toSorted().reverse())
    for (const [state, id] of Object.entries(ids)) expect(await idsOf(tenant, `state=${state}`)).toEqual([id])
    expect(await idsOf(tenant, 'state=dead,succeeded')).toEqual([ids.dead, ids.succeeded])
    expect(await idsOf(tenant, 'state=pending')).toEqual([])
    expect(await idsOf(tenant, 'event_type=ill')).toEqual([ids.waiting])
    expect(await idsOf(tenant, `endpoint_id=${endpoints.ill.id}`)).toEqual([ids.cancelled, ids.waiting])
    expect(await idsOf(tenant, `endpoint_id=${endpoints.ill.id}&state=waiting`)).toEqual([ids.waiting])
  })

  it('says the same of a delivery as the delivery itself', async () => {
    const { tenant, ids } = await inEveryState()
    await eventually('the read model to catch up', async () => {
      const listed = await Promise.all(Object.keys(ids).map((state) => idsOf(tenant, `state=${state}`)))
      return listed.every(({ length }) => length === 1)
    })
    for (const [state, id] of Object.entries(ids)) {
      const {
        attempt_log: _log,
        content_expired_at: _time,
        ...delivery
      } = (await tenant.call('GET', `/deliveries/${id}`)).body
      const [listed] = (await tenant.call('GET', `/deliveries?state=${state}`)).body.data
      const [exact] = (await tenant.call('GET', `/deliveries?state=${state}&endpoint_id=${delivery.endpoint_id}`)).body
        .data
      expect(listed).toEqual(delivery)
      expect(exact).toEqual(delivery)
    }
  })

  it.each(['of the tenant', 'of one endpoint'])('%s goes page by page, each once', async (whose) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const messages = Array.from({ length: 7 }, (_, n) => ({ type: 'a', data: n }))
    const { body } = await tenant.call('POST', '/messages/batch', { body: { messages } })
    const wanted: string[] = body.results.map(({ message }: Json) => message.deliveries[0].id)
    await eventually('all to be listed', async () => (await idsOf(tenant, '')).length === 7)
    const filter = whose === 'of one endpoint' ? `&endpoint_id=${endpoint.id}` : ''
    const ids: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const path: string = `/deliveries?limit=3${filter}${cursor && `&cursor=${cursor}`}`
      const page = (await tenant.call('GET', path)).body
      expect(page.data.length).toBeLessThanOrEqual(3)
      ids.push(...page.data.map(({ id }: Json) => id))
      cursor = page.next_cursor
    }
    expect(ids.toSorted()).toEqual(wanted.toSorted())
  })

  it.each(['of the tenant', 'of one endpoint'])('%s may be of a span of time whose end is not in it', async (whose) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const messages: Json[] = []
    for (let n = 0; n < 4; n++) {
      const { body } = await tenant.publish({ data: n })
      messages.push(body)
      await eventually('another millisecond', () => Date.now() > Date.parse(body.accepted_at))
    }
    await eventually('all to be listed', async () => (await idsOf(tenant, '')).length === 4)
    const [, second, third, fourth] = messages
    const filter = whose === 'of one endpoint' ? `&endpoint_id=${endpoint.id}` : ''
    const ids = await idsOf(tenant, `since=${second.accepted_at}&until=${fourth.accepted_at}${filter}`)
    expect(ids).toEqual([third, second].map(({ deliveries }) => deliveries[0].id))
  })

  it.each([
    ['a state that does not exist', 'state=done', 'state'],
    ['an empty state', 'state=', 'state'],
    ['a since that is no time', 'since=yesterday', 'since'],
    ['an until without an offset', 'until=2026-01-01T00:00:00', 'until'],
    ['a type of 129 characters', `event_type=${'x'.repeat(129)}`, 'event_type'],
  ])('is refused with %s', async (_what, query, member) => {
    const reply = await (await createTenant()).call('GET', `/deliveries?${query}`)
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
  })

  it('takes no cursor of one kind for the other', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    for (let n = 0; n < 3; n++) await tenant.published({ data: n })
    await eventually('all to be listed', async () => (await idsOf(tenant, '')).length === 3)
    const [of_tenant, of_endpoint] = [
      (await tenant.call('GET', '/deliveries?limit=1')).body.next_cursor,
      (await tenant.call('GET', `/deliveries?limit=1&endpoint_id=${endpoint.id}`)).body.next_cursor,
    ]
    const mixed = `/deliveries?endpoint_id=${endpoint.id}&cursor=${of_tenant}`
    expectProblem(await tenant.call('GET', mixed), 400, 'invalid_cursor')
    expectProblem(await tenant.call('GET', `/deliveries?cursor=${of_endpoint}`), 400, 'invalid_cursor')
  })

  it('of an endpoint that is not there, or another tenant’s, is not there either', async () => {
    const [tenant, other] = [await createTenant(), await createTenant()]
    const foreign = await other.endpoint()
    for (const id of ['ep_none', foreign.id]) {
      expectProblem(await tenant.call('GET', `/deliveries?endpoint_id=${id}`), 404, 'not_found')
    }
  })

  it('has nothing of an endpoint that was deleted', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const message_id = await tenant.published()
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    await eventually('it to be listed', async () => (await idsOf(tenant, '')).length === 1)
    await tenant.call('DELETE', `/endpoints/${endpoint.id}`)
    expect(await idsOf(tenant, '')).toEqual([])
  })
})
