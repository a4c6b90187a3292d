import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import type { DeadLetterMessage } from '../../src/queues/messages.ts'
import { call, createTenant, eventually, type Json, type TenantHandle, useReceivers } from './harness.ts'
import { expectProblem } from './problem.ts'

// The queue of dead letters gathers for two seconds, and some tests wait for it several times.
vi.setConfig({ testTimeout: 30_000 })

const receivers = useReceivers()

/** What a queue gave up on arrives in the last queue as it was. */
async function giveUp(body: Record<string, unknown>): Promise<Json> {
  const mark = crypto.randomUUID()
  await env.DEAD_LETTERS.send({ ...body, mark } as unknown as DeadLetterMessage)
  return eventually('the internal dead letter to be listed', async () => {
    const { data } = (await call('GET', '/v1/dead-letters?reveal=true&limit=250')).body
    return data.find((letter: Json) => letter.body.includes(mark))
  })
}

/** A fan-out message for an endpoint that never got it. */
function fanout(tenant: TenantHandle, endpoint: Json): Record<string, unknown> {
  const item = {
    message_id: 'msg_01J9Z3K4M5N6P7Q8R9S0T1V2W3',
    event_type: 'invoice.paid',
    content_type: 'text/plain',
    format: 'raw',
    headers: {},
    channels: [],
    ordering_key: null,
    accepted_at: 1_728_000_000_000,
    fingerprint: 'f',
    body: { base64: btoa('late') },
  }
  return { v: 1, tenant_id: tenant.id, item, endpoint_ids: [endpoint.id], notes: {} }
}

describe('an internal dead letter', () => {
  it('is a queue message that Postern could not process, as it was', async () => {
    const tenant = await createTenant()
    const body = fanout(tenant, { id: 'ep_x' })
    const letter = await giveUp(body)
    expect(letter).toEqual({
      id: expect.stringMatching(/^dl_/),
      cause: 'internal',
      tenant_id: tenant.id,
      queue: 'fanout',
      body: expect.any(String),
      error: expect.stringMatching(/\S/),
      died_at: expect.stringMatching(/Z$/),
    })
    expect(JSON.parse(letter.body)).toMatchObject(body)
  })

  it('may be of no tenant and no queue that anybody could tell', async () => {
    expect(await giveUp({ what: 'is this' })).toMatchObject({ tenant_id: null, queue: 'unknown' })
  })

  it('can be put back into its queue after a fix, once', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const { id } = await giveUp(fanout(tenant, endpoint))
    expect((await call('POST', `/v1/dead-letters/${id}/redrive`)).status).toBe(202)
    const arrived = await eventually('it to be delivered', () => receivers.current.arrivals(endpoint.url)[0])
    expect(arrived.body).toBe('late')
    expectProblem(await call('POST', `/v1/dead-letters/${id}/redrive`), 404, 'not_found')
  })

  it('cannot be put back when nobody knows where', async () => {
    const { id } = await giveUp({ what: 'is this' })
    expectProblem(await call('POST', `/v1/dead-letters/${id}/redrive`), 409, 'wrong_state')
    const { data } = (await call('GET', '/v1/dead-letters?reveal=true&limit=250')).body
    expect(data.some((letter: Json) => letter.id === id)).toBe(true)
  })

  it('can be deleted', async () => {
    const { id } = await giveUp({ what: 'is this' })
    expect((await call('DELETE', `/v1/dead-letters/${id}`)).status).toBe(204)
    expectProblem(await call('DELETE', `/v1/dead-letters/${id}`), 404, 'not_found')
  })

  it('is listed page by page, newest first', async () => {
    await Promise.all([1, 2, 3].map((n) => giveUp({ n })))
    const all = (await call('GET', '/v1/dead-letters?reveal=true&limit=250')).body.data
    const paged: Json[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const path: string = `/v1/dead-letters?reveal=true&limit=2${cursor && `&cursor=${cursor}`}`
      const page = (await call('GET', path)).body
      paged.push(...page.data)
      cursor = page.next_cursor
    }
    expect(paged).toEqual(all)
    const deaths = all.map(({ died_at }: Json) => died_at)
    expect(deaths).toEqual(deaths.toSorted().reverse())
  })
})

describe('the two kinds of dead letter', () => {
  it('are never mixed: what is internal is not the tenant’s, though it names the tenant', async () => {
    const tenant = await createTenant()
    const { id } = await giveUp(fanout(tenant, { id: 'ep_x' }))
    expect((await tenant.call('GET', '/dead-letters')).body.data).toEqual([])
    const redriven = await tenant.call('POST', '/dead-letters/redrive', { body: { ids: [id] } })
    expect(redriven.body).toEqual({ count: 0, missing: 0, erased: 0, has_more: false })
    expectProblem(await tenant.call('DELETE', `/dead-letters/${id}`), 404, 'not_found')
  })

  it('are never mixed: what is exhausted is not the operator’s', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [] })
    receivers.current.become(endpoint.url, 500)
    const message_id = await tenant.published()
    const letter = await eventually('the dead letter to be listed', async () => {
      return (await tenant.call('GET', '/dead-letters')).body.data[0]
    })
    expect(letter.message_id).toBe(message_id)
    const { data } = (await call('GET', '/v1/dead-letters?reveal=true&limit=250')).body
    expect(data.map(({ cause }: Json) => cause)).not.toContain('exhausted')
    expectProblem(await call('POST', `/v1/dead-letters/${letter.id}/redrive`), 404, 'not_found')
    expectProblem(await call('DELETE', `/v1/dead-letters/${letter.id}`), 404, 'not_found')
  })

  it.each([
    ['GET', ''],
    ['POST', '/{id}/redrive'],
    ['DELETE', '/{id}'],
  ])('are never mixed: %s /v1/dead-letters%s is not for a tenant’s admin', async (method, suffix) => {
    const tenant = await createTenant()
    const key = await tenant.key('admin')
    const { id } = await giveUp(fanout(tenant, { id: 'ep_x' }))
    expectProblem(await call(method, `/v1/dead-letters${suffix.replace('{id}', id)}`, { key }), 403, 'forbidden')
  })
})
