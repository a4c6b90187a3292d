import { describe, expect, it, vi } from 'vitest'
import { createTenant, eventually, type Json, type TenantHandle, useReceivers } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

// The queue of dead letters gathers for two seconds, and some tests wait for it several times.
vi.setConfig({ testTimeout: 30_000 })

const receivers = useReceivers()

const lettersOf = async (tenant: TenantHandle, query = ''): Promise<Json[]> =>
  (await tenant.call('GET', `/dead-letters?limit=250&${query}`)).body.data

/** The dead letters, once there are so many. */
function lettersListed(tenant: TenantHandle, count: number): Promise<Json[]> {
  return eventually(`${count} dead letters to be listed`, async () => {
    const letters = await lettersOf(tenant)
    return letters.length === count && letters
  })
}

/** An endpoint that fails, and the dead letters of messages of these types. */
async function withDead(types: string[], tenant?: TenantHandle) {
  const owner = tenant ?? (await createTenant())
  const endpoint = await owner.endpoint({ retry_delays_s: [], event_types: [...new Set(types)] })
  receivers.current.become(endpoint.url, 500)
  const messages: Json[] = []
  for (const type of types) {
    const { body } = await owner.publish({ type })
    messages.push(body)
    await owner.deliveryIn('dead', body.id, endpoint.id)
  }
  const ids: string[] = messages.map(({ id }) => `${id}.${endpoint.id}`)
  return { tenant: owner, endpoint, messages, ids }
}

const idsOf = (letters: Json[]): string[] => letters.map(({ id }) => id)

const redrive = (tenant: TenantHandle, body: unknown) => tenant.call('POST', '/dead-letters/redrive', { body })

describe('a dead letter', () => {
  it('is a delivery that used up its retries', async () => {
    const { tenant, endpoint, messages, ids } = await withDead(['invoice.paid'])
    const [letter] = await lettersListed(tenant, 1)
    expect(letter).toEqual({
      id: ids[0],
      cause: 'exhausted',
      endpoint_id: endpoint.id,
      message_id: messages[0].id,
      event_type: 'invoice.paid',
      accepted_at: messages[0].accepted_at,
      died_at: expect.stringMatching(/Z$/),
      attempt_count: 1,
      last_status: 500,
      last_error: 'server_error',
    })
  })

  it('is listed by endpoint, type and time of death, newest first, page by page', async () => {
    const { tenant, endpoint, ids } = await withDead(['a', 'b', 'a'])
    const other = await withDead(['c'], tenant)
    const letters = await lettersListed(tenant, 4)
    const deaths = letters.map(({ died_at }) => died_at)
    expect(deaths).toEqual(deaths.toSorted().reverse())
    expect(idsOf(await lettersOf(tenant, `endpoint_id=${endpoint.id}`)).toSorted()).toEqual(ids.toSorted())
    expect(idsOf(await lettersOf(tenant, 'event_type=b'))).toEqual([ids[1]])
    expect(idsOf(await lettersOf(tenant, 'event_type=c'))).toEqual(other.ids)
    const [newest] = letters
    expect(idsOf(await lettersOf(tenant, `since=${newest.died_at}`))).toContain(newest.id)
    expect(idsOf(await lettersOf(tenant, `until=${newest.died_at}`))).not.toContain(newest.id)

    const paged: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const path: string = `/dead-letters?limit=3${cursor && `&cursor=${cursor}`}`
      const page = (await tenant.call('GET', path)).body
      paged.push(...idsOf(page.data))
      cursor = page.next_cursor
    }
    expect(paged).toEqual(idsOf(letters))
  })

  it('can be taken off the list, and its delivery stays dead', async () => {
    const { tenant, ids } = await withDead(['a', 'b'])
    await lettersListed(tenant, 2)
    expect((await tenant.call('DELETE', `/dead-letters/${ids[0]}`)).status).toBe(204)
    expect(idsOf(await lettersOf(tenant))).toEqual([ids[1]])
    expect((await tenant.call('GET', `/deliveries/${ids[0]}`)).body.state).toBe('dead')
    expectProblem(await tenant.call('DELETE', `/dead-letters/${ids[0]}`), 404, 'not_found')
  })

  it('is none any more once its delivery is retried, or its message replayed', async () => {
    const { tenant, endpoint, messages, ids } = await withDead(['a', 'b'])
    await lettersListed(tenant, 2)
    receivers.current.become(endpoint.url, 200)
    await tenant.call('POST', `/deliveries/${ids[0]}/retry`)
    expect(idsOf(await lettersOf(tenant))).toEqual([ids[1]])
    await tenant.call('POST', `/messages/${messages[1].id}/replay`)
    expect(await lettersOf(tenant)).toEqual([])
  })

  it('goes with its endpoint', async () => {
    const { tenant, endpoint } = await withDead(['a'])
    await lettersListed(tenant, 1)
    await tenant.call('DELETE', `/endpoints/${endpoint.id}`)
    expect(await lettersOf(tenant)).toEqual([])
  })
})

describe('redriving', () => {
  it('delivers all dead letters of a tenant, and leaves none', async () => {
    const { tenant, endpoint, messages } = await withDead(['a', 'b', 'c'])
    await lettersListed(tenant, 3)
    receivers.current.become(endpoint.url, 200)
    const { status, body } = await redrive(tenant, {})
    expect([status, body]).toEqual([202, { count: 3, missing: 0, erased: 0, has_more: false }])
    for (const { id } of messages) await tenant.deliveryIn('succeeded', id, endpoint.id)
    expect(await lettersOf(tenant)).toEqual([])
  })

  it.each([
    ['those named', (ids: string[]) => ({ ids: [ids[1]] })],
    ['those of a type', () => ({ event_type: 'b' })],
    ['those of an endpoint and a type', (_ids: string[], endpoint_id: string) => ({ endpoint_id, event_type: 'b' })],
    ['those named that also fit', (ids: string[]) => ({ ids, event_type: 'b' })],
  ])('starts %s again, and no other', async (_which, filter) => {
    const { tenant, endpoint, messages, ids } = await withDead(['a', 'b', 'c'])
    await lettersListed(tenant, 3)
    receivers.current.become(endpoint.url, 200)
    expect((await redrive(tenant, filter(ids, endpoint.id))).body.count).toBe(1)
    await tenant.deliveryIn('succeeded', messages[1].id, endpoint.id)
    expect(idsOf(await lettersOf(tenant)).toSorted()).toEqual([ids[0], ids[2]].toSorted())
    expect((await tenant.delivery(messages[0].id, endpoint.id)).state).toBe('dead')
  })

  it('starts those that died in a span of time', async () => {
    const { tenant, ids } = await withDead(['a', 'b'])
    const letters = await lettersListed(tenant, 2)
    const newest_death = letters[0].died_at
    expect((await redrive(tenant, { since: '2020-01-01T00:00:00Z', until: '2020-01-02T00:00:00Z' })).body.count).toBe(0)
    await redrive(tenant, { since: newest_death, event_type: 'b' })
    expect(idsOf(await lettersOf(tenant))).toContain(ids[0])
  })

  it('makes a new dead letter of one that dies again', async () => {
    const { tenant, endpoint, messages } = await withDead(['a'])
    const [first] = await lettersListed(tenant, 1)
    expect((await redrive(tenant, {})).body.count).toBe(1)
    const again = await eventually('it to die again', async () => {
      const [letter] = await lettersOf(tenant)
      return letter?.attempt_count === 2 && letter
    })
    expect(again.id).toBe(first.id)
    expect(Date.parse(again.died_at)).toBeGreaterThan(Date.parse(first.died_at))
    expect((await tenant.delivery(messages[0].id, endpoint.id)).state).toBe('dead')
  })

  it('starts each once, however often it is asked at once', async () => {
    const { tenant, endpoint, messages } = await withDead(['a', 'b', 'c'])
    await lettersListed(tenant, 3)
    const before = receivers.current.arrivals(endpoint.url).length
    receivers.current.become(endpoint.url, 200)
    const replies = await Promise.all(Array.from({ length: 5 }, () => redrive(tenant, {})))
    expect(replies.reduce((sum, { body }) => sum + body.count, 0)).toBe(3)
    for (const { id } of messages) await tenant.deliveryIn('succeeded', id, endpoint.id)
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(before + 3)
  })

  it.each([
    ['no id', { ids: [] }, 'ids'],
    ['1,001 ids', { ids: Array(1001).fill('x') }, 'ids'],
    ['a since that is no time', { since: 'yesterday' }, 'since'],
    ['a filter that does not exist, rather than all', { endpoint: 'ep_x' }, ''],
  ])('is refused with %s', async (_what, body, member) => {
    const reply = await redrive(await createTenant(), body)
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
  })

  it('is refused without a body, which might be a slip', async () => {
    expectProblem(await (await createTenant()).call('POST', '/dead-letters/redrive'), 422, 'invalid_request')
  })
})

describe('a dead letter of another tenant', () => {
  it('is neither listed nor started nor deleted', async () => {
    const { tenant: other, endpoint, ids } = await withDead(['a'])
    await lettersListed(other, 1)
    const arrivals = receivers.current.arrivals(endpoint.url).length
    const tenant = await createTenant()
    const key = await tenant.key('admin')
    expect((await tenant.call('GET', '/dead-letters', { key })).body.data).toEqual([])
    for (const body of [{}, { ids }, { endpoint_id: endpoint.id }]) {
      const reply = await tenant.call('POST', '/dead-letters/redrive', { key, body })
      expect(reply.body).toEqual({ count: 0, missing: 0, erased: 0, has_more: false })
    }
    expectProblem(await tenant.call('DELETE', `/dead-letters/${ids[0]}`, { key }), 404, 'not_found')
    expect(idsOf(await lettersOf(other))).toEqual(ids)
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(arrivals)
  })
})
