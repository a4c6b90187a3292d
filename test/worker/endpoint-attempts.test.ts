/** What one attempt does, what it means, and what is kept of it: as the API shows it. */
import { env } from 'cloudflare:workers'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it, vi } from 'vitest'
import { createTenant, eventually, type Json, type TenantHandle, useReceivers } from './harness.ts'

const receivers = useReceivers()

/** A tenant whose one endpoint answers like that, and a message on its way there. */
async function attemptAt(
  answer: Parameters<typeof receivers.current.become>[1],
  settings: Record<string, unknown> = {},
): Promise<{ tenant: TenantHandle; endpoint: Json; message_id: string }> {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint({ retry_delays_s: [3600], ...settings })
  receivers.current.become(endpoint.url, answer)
  return { tenant, endpoint, message_id: await tenant.published() }
}

const secondsUntil = (time: string) => (Date.parse(time) - Date.now()) / 1000

describe('a delivery', () => {
  it('is delivering while its attempt is under way, then succeeded', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const release = receivers.current.hold(endpoint.url)
    const { body } = await tenant.publish()
    expect(body.deliveries).toEqual([{ id: `${body.id}.${endpoint.id}`, endpoint_id: endpoint.id, state: 'pending' }])
    expect(await tenant.delivery(body.id, endpoint.id)).toMatchObject({
      state: 'delivering',
      attempt_count: 0,
      finished_at: null,
    })
    release()
    const delivery = await tenant.deliveryIn('succeeded', body.id, endpoint.id)
    expect(delivery).toMatchObject({
      attempt_count: 1,
      last_status: 200,
      last_error: null,
      next_attempt_at: null,
      reason: null,
    })
    expect(Date.parse(delivery.finished_at)).toBeGreaterThanOrEqual(Date.parse(delivery.accepted_at))
  })

  it('is pending while others take up all the room', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ max_in_flight: 1 })
    const release = receivers.current.hold(endpoint.url)
    const first = await tenant.published()
    const second = await tenant.published()
    expect((await tenant.delivery(first, endpoint.id)).state).toBe('delivering')
    expect((await tenant.delivery(second, endpoint.id)).state).toBe('pending')
    release()
    await tenant.deliveryIn('succeeded', second, endpoint.id)
  })

  it('waits for a retry that it names, and dies when there is none', async () => {
    const { tenant, endpoint, message_id } = await attemptAt(500)
    const waiting = await tenant.deliveryIn('waiting', message_id, endpoint.id)
    expect(secondsUntil(waiting.next_attempt_at)).toBeGreaterThan(3600 * 0.79)
    expect(secondsUntil(waiting.next_attempt_at)).toBeLessThan(3600 * 1.21)

    const last = await attemptAt(500, { retry_delays_s: [] })
    const dead = await last.tenant.deliveryIn('dead', last.message_id, last.endpoint.id)
    expect(dead).toMatchObject({ attempt_count: 1, next_attempt_at: null, last_error: 'server_error' })
  })
})

describe('an answer', () => {
  it.each([200, 201, 202, 204, 299])('%i is success', async (status) => {
    const { tenant, endpoint, message_id } = await attemptAt(status)
    expect(await tenant.deliveryIn('succeeded', message_id, endpoint.id)).toMatchObject({ last_status: status })
  })

  it.each([
    [301, 'redirect'],
    [302, 'redirect'],
    [307, 'redirect'],
    [308, 'redirect'],
    [400, 'client_error'],
    [401, 'client_error'],
    [404, 'client_error'],
    [408, 'client_error'],
    [429, 'rate_limited'],
    [500, 'server_error'],
    [502, 'server_error'],
    [503, 'server_error'],
    [599, 'server_error'],
  ])('%i is a failure (%s) that is retried', async (status, error) => {
    const { tenant, endpoint, message_id } = await attemptAt(() => {
      return new Response(null, { status, headers: { location: 'https://elsewhere.test/' } })
    })
    const delivery = await tenant.deliveryIn('waiting', message_id, endpoint.id)
    expect(delivery).toMatchObject({ last_status: status, last_error: error })
    expect(receivers.current.arrivals('https://elsewhere.test/')).toEqual([])
  })

  it('410 disables the endpoint and parks the delivery', async () => {
    const { tenant, endpoint, message_id } = await attemptAt(410)
    const delivery = await tenant.deliveryIn('parked', message_id, endpoint.id)
    expect(delivery).toMatchObject({ reason: 'endpoint_disabled: gone', last_status: 410, last_error: 'gone' })
  })

  it('that never comes is a timeout', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ timeout_ms: 1000, retry_delays_s: [3600] })
    receivers.current.hang(endpoint.url)
    const message_id = await tenant.published()
    const { attempt_log } = await tenant.deliveryIn('waiting', message_id, endpoint.id)
    expect(attempt_log).toMatchObject([
      { status: null, error: 'timeout', detail: 'no answer within 1000 ms', response_body: '' },
    ])
    expect(attempt_log[0].duration_ms).toBeGreaterThanOrEqual(990)
    expect(attempt_log[0].duration_ms).toBeLessThan(3000)
  })

  it('that breaks off is a failed connection', async () => {
    const { tenant, endpoint, message_id } = await attemptAt(() => {
      throw new TypeError('connection refused')
    })
    const { attempt_log } = await tenant.deliveryIn('waiting', message_id, endpoint.id)
    expect(attempt_log).toMatchObject([{ status: null, error: 'connection_failed', detail: 'connection refused' }])
  })

  it('whose body breaks off is still what its status says', async () => {
    const { tenant, endpoint, message_id } = await attemptAt(() => {
      let is_first = true
      const body = new ReadableStream({
        pull(controller) {
          if (!is_first) return controller.error(new Error('reset by peer'))
          is_first = false
          controller.enqueue(new TextEncoder().encode('thank y'))
        },
      })
      return new Response(body, { status: 200 })
    })
    const { attempt_log } = await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    expect(attempt_log).toMatchObject([{ status: 200, error: null, response_body: 'thank y' }])
  })
})

describe('the record of an attempt', () => {
  it('has its number, time, duration, status, and the headers and body of the answer', async () => {
    const { tenant, endpoint, message_id } = await attemptAt(
      () => new Response('busy', { status: 503, headers: { 'x-trace': 'abc', 'set-cookie': 'session=1' } }),
      { retry_delays_s: [1, 3600] },
    )
    const delivery = await eventually('two attempts', async () => {
      const found = await tenant.delivery(message_id, endpoint.id)
      return found.attempt_count === 2 && found
    })
    const { data } = (await tenant.call('GET', `/deliveries/${message_id}.${endpoint.id}/attempts`)).body
    expect(data).toEqual(delivery.attempt_log)
    expect(data).toMatchObject([
      { number: 1, status: 503, error: 'server_error', response_body: 'busy', response_headers: { 'x-trace': 'abc' } },
      { number: 2, status: 503, error: 'server_error' },
    ])
    const [first, second] = data
    expect(first.id).toMatch(/^att_[0-9A-Z]{26}$/)
    expect(second.id).not.toBe(first.id)
    expect(first.duration_ms).toBeGreaterThanOrEqual(0)
    expect(Date.parse(second.started_at) - Date.parse(first.started_at)).toBeGreaterThanOrEqual(800)
    expect(first.response_headers).not.toHaveProperty('set-cookie')
    expect(receivers.current.arrivals(endpoint.url).map(({ headers }) => headers.get('postern-attempt'))).toEqual([
      '1',
      '2',
    ])
  })

  it.each([4095, 4096, 4097, 1_000_000])('keeps at most 4 KiB of a body of %i bytes', async (bytes) => {
    const { tenant, endpoint, message_id } = await attemptAt(() => new Response('x'.repeat(bytes)))
    const { attempt_log } = await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    expect(attempt_log[0].response_body).toBe('x'.repeat(Math.min(bytes, 4096)))
  })

  it('does not wait for the rest of a body that never ends', async () => {
    const { tenant, endpoint, message_id } = await attemptAt(() => {
      const pull = (controller: ReadableStreamDefaultController) => controller.enqueue(new Uint8Array(1024).fill(120))
      return new Response(new ReadableStream({ pull }))
    })
    const { attempt_log } = await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    expect(attempt_log[0].response_body).toHaveLength(4096)
  })

  it('shows the request as sent, less the secrets', async () => {
    const own = { authorization: 'Bearer hunter2', 'x-api-key': 'k-123', 'x-plan': 'gold' }
    const { tenant, endpoint, message_id } = await attemptAt(200, { headers: own })
    const [arrival] = await eventually('the arrival', () => {
      const arrivals = receivers.current.arrivals(endpoint.url)
      return arrivals.length > 0 && arrivals
    })
    const { attempt_log } = await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    const shown = attempt_log[0].request_headers
    expect(shown).toMatchObject({ authorization: '[redacted]', 'x-api-key': '[redacted]', 'x-plan': '[redacted]' })
    expect(JSON.stringify(attempt_log)).not.toMatch(/hunter2|k-123/)
    expect(arrival?.headers.get('authorization')).toBe('Bearer hunter2')
    for (const name of [
      'webhook-id',
      'webhook-timestamp',
      'webhook-signature',
      'content-type',
      'user-agent',
      'postern-attempt',
    ]) {
      expect(shown[name], name).toBe(arrival?.headers.get(name))
    }
  })
})

it('is signed so that the Standard Webhooks package accepts every attempt', async () => {
  const { tenant, endpoint, message_id } = await attemptAt(500, { retry_delays_s: [1] })
  await tenant.deliveryIn('waiting', message_id, endpoint.id)
  receivers.current.become(endpoint.url, 200)
  await tenant.deliveryIn('succeeded', message_id, endpoint.id)
  const arrivals = receivers.current.arrivals(endpoint.url)
  expect(arrivals).toHaveLength(2)
  for (const { headers, body } of arrivals) {
    expect(new Webhook(endpoint.secret).verify(body, Object.fromEntries(headers))).toMatchObject({
      type: 'invoice.paid',
    })
    expect(headers.get('webhook-id')).toBe(message_id)
  }
})

it('succeeds although Analytics Engine is down', async () => {
  vi.spyOn(env.ATTEMPTS, 'writeDataPoint').mockImplementation(() => {
    throw new Error('Analytics Engine is down')
  })
  const { tenant, endpoint, message_id } = await attemptAt(200)
  await tenant.deliveryIn('succeeded', message_id, endpoint.id)
})
