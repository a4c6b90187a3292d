import { describe, expect, it, vi } from 'vitest'
import { Endpoint } from '../../durable-objects/endpoint/endpoint.ts'
import { createTenant, eventually, type Json, type TenantHandle, useReceivers } from './harness.ts'
import { blamed, expectProblem } from './problem.ts'

const receivers = useReceivers()

async function switchTo(tenant: TenantHandle, id: string, verb: 'enable' | 'disable', body?: unknown): Promise<Json> {
  const { status, body: answer } = await tenant.call('POST', `/endpoints/${id}/${verb}`, { body })
  expect(status, JSON.stringify(answer)).toBe(200)
  return answer
}

/** An endpoint that was disabled before two messages were published to it. */
async function withParked() {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint()
  await switchTo(tenant, endpoint.id, 'disable')
  const message_ids = [await tenant.published({ data: 1 }), await tenant.published({ data: 2 })]
  return { tenant, endpoint, message_ids }
}

describe('a disabled endpoint', () => {
  it('says so, with the reason and since when', async () => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint()
    const answer = await switchTo(tenant, id, 'disable')
    expect(answer).toMatchObject({ status: 'disabled', disabled_reason: 'manual', disabled_at: expect.any(String) })
    expect((await tenant.call('GET', `/endpoints/${id}`)).body).toEqual(answer)
  })

  it('still takes messages, and parks them with the reason', async () => {
    const { tenant, endpoint, message_ids } = await withParked()
    const { body } = await tenant.publish()
    expect(body.deliveries).toEqual([{ id: `${body.id}.${endpoint.id}`, endpoint_id: endpoint.id, state: 'parked' }])
    for (const message_id of message_ids) {
      const delivery = await tenant.delivery(message_id, endpoint.id)
      expect(delivery).toMatchObject({
        state: 'parked',
        reason: 'endpoint_disabled: manual',
        attempt_count: 0,
        next_attempt_at: null,
        finished_at: null,
      })
    }
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(0)
  })

  it('keeps its first reason and time when it is disabled again', async () => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint()
    const { disabled_at } = await switchTo(tenant, id, 'disable')
    await eventually('another millisecond', () => Date.now() > Date.parse(disabled_at))
    expect((await switchTo(tenant, id, 'disable')).disabled_at).toBe(disabled_at)
  })

  it('is one that answered 410, without anyone’s doing', async () => {
    const tenant = await createTenant()
    const { id, url } = await tenant.endpoint()
    receivers.current.become(url, 410)
    await tenant.published()
    const endpoint = await eventually('the endpoint to be disabled', async () => {
      const { body } = await tenant.call('GET', `/endpoints/${id}`)
      return body.status === 'disabled' && body
    })
    expect(endpoint.disabled_reason).toBe('gone')
  })
})

describe('enabling an endpoint', () => {
  it('delivers what was parked, unless told otherwise', async () => {
    const { tenant, endpoint, message_ids } = await withParked()
    const answer = await switchTo(tenant, endpoint.id, 'enable')
    expect(answer).toMatchObject({ status: 'enabled', disabled_reason: null, disabled_at: null })
    for (const message_id of message_ids) await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    const arrived = receivers.current.arrivals(endpoint.url).map(({ headers }) => headers.get('webhook-id'))
    expect(arrived.toSorted()).toEqual(message_ids.toSorted())
  })

  it('cancels what was parked when told to, and delivers what comes after', async () => {
    const { tenant, endpoint, message_ids } = await withParked()
    await switchTo(tenant, endpoint.id, 'enable', { parked: 'cancel' })
    for (const message_id of message_ids) await tenant.deliveryIn('cancelled', message_id, endpoint.id)
    const later = await tenant.published({ data: 3 })
    await tenant.deliveryIn('succeeded', later, endpoint.id)
    const arrived = receivers.current.arrivals(endpoint.url).map(({ headers }) => headers.get('webhook-id'))
    expect(arrived).toEqual([later])
  })

  it('cancels though its object does not hear of it until the next message', async () => {
    const { tenant, endpoint, message_ids } = await withParked()
    vi.spyOn(Endpoint.prototype, 'configure').mockRejectedValue(new Error('the object does not answer'))
    await switchTo(tenant, endpoint.id, 'enable', { parked: 'cancel' })
    expect((await tenant.delivery(message_ids[0] ?? '', endpoint.id)).state).toBe('parked')
    const later = await tenant.published({ data: 3 })
    for (const message_id of message_ids) await tenant.deliveryIn('cancelled', message_id, endpoint.id)
    await tenant.deliveryIn('succeeded', later, endpoint.id)
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(1)
  })

  it('cancels though a message brings the news before it does', async () => {
    const { tenant, endpoint, message_ids } = await withParked()
    const { configure } = Endpoint.prototype
    let is_late = true
    vi.spyOn(Endpoint.prototype, 'configure').mockImplementation(async function (this: Endpoint, settings) {
      // Each looks for itself: workerd lets no promise be settled from another object's context.
      while (is_late) await scheduler.wait(5)
      await configure.call(this, settings)
    })
    const enabling = switchTo(tenant, endpoint.id, 'enable', { parked: 'cancel' })
    await eventually('D1 to know', async () => {
      return (await tenant.call('GET', `/endpoints/${endpoint.id}`)).body.status === 'enabled'
    })
    const later = await tenant.published({ data: 3 })
    for (const message_id of message_ids) await tenant.deliveryIn('cancelled', message_id, endpoint.id)
    is_late = false
    await enabling
    await tenant.deliveryIn('succeeded', later, endpoint.id)
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(1)
  })

  it('cancels nothing that is not parked, because the endpoint is enabled already', async () => {
    const tenant = await createTenant()
    const { id, url } = await tenant.endpoint({ retry_delays_s: [3600] })
    receivers.current.become(url, 500)
    const message_id = await tenant.published()
    await tenant.deliveryIn('waiting', message_id, id)
    await switchTo(tenant, id, 'enable', { parked: 'cancel' })
    // Cancelling takes turns, so a message after it shows that its turns are over.
    receivers.current.become(url, 200)
    await tenant.deliveryIn('succeeded', await tenant.published({ data: 'later' }), id)
    expect((await tenant.delivery(message_id, id)).state).toBe('waiting')
  })

  it.each([
    ['something else', { parked: 'drop' }, 'parked'],
    ['a member that does not exist', { park: 'cancel' }, ''],
  ])('is refused with %s, and then nothing is delivered', async (_what, body, member) => {
    const { tenant, endpoint } = await withParked()
    const reply = await tenant.call('POST', `/endpoints/${endpoint.id}/enable`, { body })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual([member])
    expect((await tenant.call('GET', `/endpoints/${endpoint.id}`)).body.status).toBe('disabled')
    expect(receivers.current.arrivals(endpoint.url)).toHaveLength(0)
  })

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/json5', 'application/json ;charset=utf-8'])(
    'is refused when its body calls itself %s, rather than taken without it',
    async (type) => {
      const { tenant, endpoint } = await withParked()
      const options = { text: '{"parked":"cancel"}', headers: { 'content-type': type } }
      const reply = await tenant.call('POST', `/endpoints/${endpoint.id}/enable`, options)
      expectProblem(reply, 415, 'unsupported_media_type')
      expect((await tenant.call('GET', `/endpoints/${endpoint.id}`)).body.status).toBe('disabled')
    },
  )

  it.each(['application/json; charset=utf-8', 'Application/JSON'])('heeds its body when it is %s', async (type) => {
    const { tenant, endpoint, message_ids } = await withParked()
    const options = { text: '{"parked":"cancel"}', headers: { 'content-type': type } }
    const { status } = await tenant.call('POST', `/endpoints/${endpoint.id}/enable`, options)
    expect(status).toBe(200)
    for (const message_id of message_ids) await tenant.deliveryIn('cancelled', message_id, endpoint.id)
  })
})

describe('a test message', () => {
  it('goes to the endpoint whatever it subscribes to, and to no other', async () => {
    const tenant = await createTenant()
    const { id, url } = await tenant.endpoint({ event_types: ['never'], channels: ['none'], filter: 'false' })
    const other = await tenant.endpoint()
    const { status, body } = await tenant.call('POST', `/endpoints/${id}/test`)
    expect(status).toBe(202)
    expect(body).toEqual({ id: `${body.message_id}.${id}`, message_id: expect.stringMatching(/^msg_/) })
    const delivery = await tenant.deliveryIn('succeeded', body.message_id, id)
    expect(delivery).toMatchObject({ event_type: 'postern.test', reason: 'test' })
    const [arrival] = receivers.current.arrivals(url)
    expect(JSON.parse(arrival?.body ?? '')).toEqual({
      type: 'postern.test',
      timestamp: delivery.accepted_at,
      data: { test: true, endpoint_id: id },
    })
    expect(receivers.current.arrivals(other.url)).toHaveLength(0)
  })

  it('may bear the type that a receiver expects', async () => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint()
    const { body } = await tenant.call('POST', `/endpoints/${id}/test`, { body: { event_type: 'invoice.paid' } })
    expect((await tenant.deliveryIn('succeeded', body.message_id, id)).event_type).toBe('invoice.paid')
  })

  it('is refused with a type that is none', async () => {
    const tenant = await createTenant()
    const { id } = await tenant.endpoint()
    const reply = await tenant.call('POST', `/endpoints/${id}/test`, { body: { event_type: 'no type' } })
    expectProblem(reply, 422, 'invalid_request')
    expect(blamed(reply)).toEqual(['event_type'])
  })
})
