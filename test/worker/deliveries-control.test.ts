import { describe, expect, it } from 'vitest'
import { createTenant, eventually, type Json, useReceivers } from './harness.ts'
import { expectProblem } from './problem.ts'

const receivers = useReceivers()

/** A delivery whose first attempt the receiver answers like this. */
async function deliveryAnswered(status: number, state: string, settings: Record<string, unknown> = {}) {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint(settings)
  receivers.current.become(endpoint.url, () => new Response('x'.repeat(5000), { status, headers: { 'x-trace': '7' } }))
  const message_id = await tenant.published()
  const delivery = await tenant.deliveryIn(state, message_id, endpoint.id)
  return { tenant, endpoint, message_id, delivery, path: `/deliveries/${delivery.id}` }
}

/** One that the receiver keeps waiting for an answer. */
async function underWay() {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint()
  receivers.current.hang(endpoint.url)
  const message_id = await tenant.published()
  const { id } = await tenant.deliveryIn('delivering', message_id, endpoint.id)
  return { tenant, endpoint, path: `/deliveries/${id}` }
}

describe('a delivery', () => {
  it('that succeeded shows its attempt: what was sent, and what was answered', async () => {
    const { endpoint, message_id, delivery } = await deliveryAnswered(200, 'succeeded')
    const { attempt_log, ...rest } = delivery
    expect(rest).toEqual({
      id: `${message_id}.${endpoint.id}`,
      message_id,
      endpoint_id: endpoint.id,
      event_type: 'invoice.paid',
      state: 'succeeded',
      reason: null,
      attempt_count: 1,
      last_status: 200,
      last_error: null,
      ordering_key: null,
      accepted_at: expect.stringMatching(/Z$/),
      next_attempt_at: null,
      finished_at: expect.stringMatching(/Z$/),
      erased_at: null,
      updated_at: rest.finished_at,
      content_expired_at: null,
    })
    expect(attempt_log).toEqual([
      {
        id: expect.stringMatching(/^att_/),
        number: 1,
        started_at: expect.stringMatching(/Z$/),
        duration_ms: expect.any(Number),
        status: 200,
        error: null,
        detail: null,
        request_headers: expect.objectContaining({ 'webhook-id': message_id, 'postern-attempt': '1' }),
        response_headers: expect.objectContaining({ 'x-trace': '7' }),
        response_body: 'x'.repeat(4096),
      },
    ])
  })

  it('that failed shows why, and when it is tried again', async () => {
    const { delivery } = await deliveryAnswered(503, 'waiting', { retry_delays_s: [100] })
    expect(delivery).toMatchObject({ last_status: 503, last_error: 'server_error', finished_at: null })
    const wait_s = (Date.parse(delivery.next_attempt_at) - Date.parse(delivery.attempt_log[0].started_at)) / 1000
    expect(wait_s).toBeGreaterThanOrEqual(80)
    expect(wait_s).toBeLessThan(121)
  })

  it('lists its attempts, oldest first', async () => {
    const { tenant, endpoint, message_id, path } = await deliveryAnswered(500, 'waiting', { retry_delays_s: [3600] })
    receivers.current.become(endpoint.url, 204)
    await tenant.call('POST', `${path}/retry`)
    const { attempt_log } = await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    const { data } = (await tenant.call('GET', `${path}/attempts`)).body
    expect(data.map(({ number, status }: Json) => [number, status])).toEqual([
      [1, 500],
      [2, 204],
    ])
    expect(data).toEqual(attempt_log)
  })
})

describe('retrying a delivery', () => {
  it.each([
    ['waiting', 500, [3600]],
    ['dead', 500, []],
    ['succeeded', 200, []],
  ])('that is %s attempts it now', async (state, status, retry_delays_s) => {
    const { tenant, endpoint, message_id, path } = await deliveryAnswered(status, state, { retry_delays_s })
    receivers.current.become(endpoint.url, 200)
    const { status: answered, body } = await tenant.call('POST', `${path}/retry`)
    expect([answered, body.message_id]).toEqual([202, message_id])
    const delivery = await eventually('the second attempt', async () => {
      const delivery = await tenant.delivery(message_id, endpoint.id)
      return delivery.attempt_count === 2 && delivery
    })
    expect([delivery.state, delivery.last_status]).toEqual(['succeeded', 200])
  })

  it('that was cancelled delivers it after all', async () => {
    const { tenant, endpoint, message_id, path } = await deliveryAnswered(500, 'waiting', { retry_delays_s: [3600] })
    await tenant.call('POST', `${path}/cancel`)
    receivers.current.become(endpoint.url, 200)
    expect((await tenant.call('POST', `${path}/retry`)).status).toBe(202)
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
  })

  it('that is dead gives it all its retries again', async () => {
    const { tenant, endpoint, message_id, path } = await deliveryAnswered(500, 'dead', { retry_delays_s: [] })
    await tenant.call('PATCH', `/endpoints/${endpoint.id}`, { body: { retry_delays_s: [3600] } })
    await tenant.call('POST', `${path}/retry`)
    expect((await tenant.deliveryIn('waiting', message_id, endpoint.id)).attempt_count).toBe(2)
  })

  it('that is parked leaves it parked while the endpoint is disabled', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    const message_id = await tenant.published()
    const { status, body } = await tenant.call('POST', `/deliveries/${message_id}.${endpoint.id}/retry`)
    expect([status, body.state]).toEqual([202, 'parked'])
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(0)
  })

  it('that is being attempted is refused: there are never two attempts at once', async () => {
    const { tenant, endpoint, path } = await underWay()
    expectProblem(await tenant.call('POST', `${path}/retry`), 409, 'wrong_state')
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(1)
  })
})

describe('cancelling a delivery', () => {
  it.each([
    ['waiting', 500],
    ['parked', null],
  ])('that is %s ends it', async (state, status) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [3600] })
    if (status === null) await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    else receivers.current.become(endpoint.url, status)
    const message_id = await tenant.published()
    const { id } = await tenant.deliveryIn(state, message_id, endpoint.id)
    const reply = await tenant.call('POST', `/deliveries/${id}/cancel`)
    expect(reply.status).toBe(200)
    expect(reply.body).toMatchObject({ id, state: 'cancelled', next_attempt_at: null, finished_at: expect.any(String) })
    await tenant.call('POST', `/endpoints/${endpoint.id}/enable`)
    expect((await tenant.delivery(message_id, endpoint.id)).state).toBe('cancelled')
  })

  it.each([
    ['succeeded', 200],
    ['dead', 500],
  ])('that is %s is refused', async (state, status) => {
    const { tenant, path } = await deliveryAnswered(status, state, { retry_delays_s: [] })
    const reply = await tenant.call('POST', `${path}/cancel`)
    expectProblem(reply, 409, 'wrong_state')
    expect(reply.body.detail).toContain(state)
    expect((await tenant.call('GET', path)).body.state).toBe(state)
  })

  it('that is being attempted is refused', async () => {
    const { tenant, path } = await underWay()
    const reply = await tenant.call('POST', `${path}/cancel`)
    expectProblem(reply, 409, 'wrong_state')
    expect(reply.body.detail).toContain('delivering')
  })
})

const MESSAGE = 'msg_01J9Z3K4M5N6P7Q8R9S0T1V2W3'
const ENDPOINT = 'ep_01J9Z3K4M5N6P7Q8R9S0T1V2W3'

describe.each([
  ['GET', ''],
  ['GET', '/attempts'],
  ['POST', '/retry'],
  ['POST', '/cancel'],
])('%s of a delivery%s', (method, suffix) => {
  it.each([`${MESSAGE}.${ENDPOINT}`, MESSAGE, `${ENDPOINT}.${MESSAGE}`, `${MESSAGE}.${ENDPOINT}.x`, 'nonsense'])(
    'answers 404 for %s',
    async (id) => {
      expectProblem(await (await createTenant()).call(method, `/deliveries/${id}${suffix}`), 404, 'not_found')
    },
  )

  it('answers 404 for a message that its endpoint never had', async () => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint()
    expectProblem(await tenant.call(method, `/deliveries/${MESSAGE}.${id}${suffix}`), 404, 'not_found')
  })

  it('answers 404 for another tenant’s, and leaves it alone', async () => {
    const { tenant: other, path } = await deliveryAnswered(500, 'waiting', { retry_delays_s: [3600] })
    const before = (await other.call('GET', path)).body
    const tenant = await createTenant()
    const key = await tenant.key('admin')
    expectProblem(await tenant.call(method, `${path}${suffix}`, { key }), 404, 'not_found')
    expect((await other.call('GET', path)).body).toEqual(before)
  })
})
