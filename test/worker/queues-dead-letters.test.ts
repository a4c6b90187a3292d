/** The last station: deaths that Endpoints report are the tenant's, what the queues gave up on is the operator's. */
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import {
  breakDatabase,
  call,
  consumed,
  createTenant,
  eventually,
  type Json,
  ringAlarm,
  type TenantHandle,
  useReceivers,
} from './harness.ts'

const receivers = useReceivers()

const letters = (bodies: readonly unknown[], attempts?: number) => consumed('dead-letters', bodies, attempts)

const notice = (tenant: TenantHandle, more: Record<string, unknown> = {}) => ({
  v: 1,
  tenant_id: tenant.id,
  endpoint_id: 'ep_01JD9Z5M2R7W3H6F4A8G9D1QTS',
  message_id: 'msg_01JD9Z6Q3V8M4T2K7N5B1C0XYE',
  event_type: 'invoice.paid',
  accepted_at: 1_700_000_000_000,
  died_at: 1_700_000_600_000,
  attempts: 3,
  last_status: 500,
  last_error: 'server_error',
  ...more,
})

const exhausted = async (tenant: TenantHandle): Promise<Json[]> => (await tenant.call('GET', '/dead-letters')).body.data
const internal = async (isWanted: (letter: Json) => boolean): Promise<Json[]> =>
  (await call('GET', '/v1/dead-letters?reveal=true&limit=250')).body.data.filter(isWanted)

describe('a delivery that used up its retries', () => {
  it('becomes a dead letter of its tenant', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [] })
    receivers.current.become(endpoint.url, 500)
    const message_id = await tenant.published()
    const [letter] = await eventually('the dead letter', async () => {
      const found = await exhausted(tenant)
      return found.length > 0 && found
    })
    expect(letter).toMatchObject({
      id: `${message_id}.${endpoint.id}`,
      cause: 'exhausted',
      message_id,
      endpoint_id: endpoint.id,
      event_type: 'invoice.paid',
      attempt_count: 1,
      last_status: 500,
      last_error: 'server_error',
    })
    expect(await internal(({ tenant_id }) => tenant_id === tenant.id)).toEqual([])
  })

  it('is kept by its Endpoint while the queue is down, and reported by its alarm', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [] })
    receivers.current.become(endpoint.url, 500)
    const queue = vi.spyOn(env.DEAD_LETTERS, 'sendBatch').mockRejectedValue(new Error('the queue is down'))
    const message_id = await tenant.published()
    await tenant.deliveryIn('dead', message_id, endpoint.id)
    await eventually('the refusal', () => queue.mock.calls.length > 0)
    queue.mockRestore()
    await ringAlarm(endpoint.id)
    await eventually('the dead letter', async () => (await exhausted(tenant))[0]?.message_id === message_id)
  })
})

describe('a batch', () => {
  it('records each notice once, however often it comes', async () => {
    const tenant = await createTenant()
    const body = notice(tenant)
    expect(await letters([body, body])).toEqual(['acked', 'acked'])
    await letters([body])
    expect(await exhausted(tenant)).toMatchObject([{ attempt_count: 3, last_error: 'server_error' }])
  })

  it('shows the last death of a delivery that died again, whichever notice comes first', async () => {
    const tenant = await createTenant()
    const again = notice(tenant, { died_at: 1_700_009_000_000, attempts: 6, last_status: null, last_error: 'timeout' })
    await letters([again])
    await letters([notice(tenant)])
    expect(await exhausted(tenant)).toMatchObject([{ attempt_count: 6, last_status: null, last_error: 'timeout' }])
  })

  it('stays in the queue while D1 is down, later each time, and is recorded then', async () => {
    const tenant = await createTenant()
    const mendDatabase = breakDatabase()
    const delays = []
    for (const attempts of [1, 2, 5, 20, 100]) delays.push(await letters([notice(tenant)], attempts))
    expect(delays).toEqual([2, 4, 32, 3600, 3600].map((again_after_s) => [{ again_after_s }]))
    mendDatabase()
    expect(await letters([notice(tenant)], 9)).toEqual(['acked'])
    expect(await exhausted(tenant)).toHaveLength(1)
  })
})

describe('what a queue gave up on', () => {
  it.each([
    ['fanout', (tenant_id: string) => ({ v: 1, tenant_id, item: {}, endpoint_ids: [], notes: {} })],
    ['retries', (tenant_id: string) => ({ v: 1, tenant_id, object_name: 'ep_1', position: 1, due_at: 1 })],
    ['dead-letters', (tenant_id: string) => ({ v: 2, tenant_id, died_at: 1 })],
    ['unknown', (tenant_id: string) => ({ tenant_id, something: 'else' })],
  ])('is kept raw for the operator, with its queue: %s', async (queue, bodyOf) => {
    const tenant = await createTenant()
    const body = bodyOf(tenant.id)
    await letters([body])
    expect(await internal(({ tenant_id }) => tenant_id === tenant.id)).toMatchObject([
      { cause: 'internal', queue, body: JSON.stringify(body), error: expect.stringMatching(/.+/) },
    ])
    expect(await exhausted(tenant)).toEqual([])
  })

  it('never counts as a dead letter of the tenant, even in one batch with one', async () => {
    const tenant = await createTenant()
    await letters([{ v: 7, tenant_id: tenant.id }, notice(tenant), 'not even an object'])
    expect((await exhausted(tenant)).map(({ cause }) => cause)).toEqual(['exhausted'])
    expect((await internal(({ tenant_id }) => tenant_id === tenant.id)).map(({ cause }) => cause)).toEqual(['internal'])
    expect(await internal(({ body }) => body === '"not even an object"')).toMatchObject([{ tenant_id: null }])
    const admin = await tenant.key('admin')
    expect((await call('GET', '/v1/dead-letters', { key: admin })).status).toBe(403)
  })
})
