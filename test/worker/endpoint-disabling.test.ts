/** An endpoint that disables itself, or that somebody disables: nothing is attempted, nothing is dropped. */
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { createDeps } from '../../src/deps.ts'
import { markDisabled } from '../../src/endpoints/mark-disabled.ts'
import {
  alarmOf,
  breakDatabase,
  createTenant,
  eventually,
  type Json,
  ringAlarm,
  skip,
  type TenantHandle,
  useReceivers,
} from './harness.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const receivers = useReceivers()

/** The statement by which D1 hears that an Endpoint has disabled itself. */
const isReport = (sql: string) => sql.startsWith('update "endpoints"') && sql.includes('"disabled" is null')

const arrivalsAt = (endpoint: Json) => receivers.current.arrivals(endpoint.url)
const endpointOf = async (tenant: TenantHandle, { id }: Json) => (await tenant.call('GET', `/endpoints/${id}`)).body

const disabledFor = (reason: string, tenant: TenantHandle, endpoint: Json) =>
  eventually(`D1 to know it as ${reason}`, async () => {
    const found = await endpointOf(tenant, endpoint)
    return found.disabled_reason === reason && found
  })

/** An endpoint that answered 410 to its first message. */
async function goneEndpoint(settings: Record<string, unknown> = {}) {
  const tenant = await createTenant()
  const endpoint = await tenant.endpoint(settings)
  receivers.current.become(endpoint.url, 410)
  const message_id = await tenant.published()
  await tenant.deliveryIn('parked', message_id, endpoint.id)
  return { tenant, endpoint, message_id }
}

const enable = (tenant: TenantHandle, { id }: Json, parked?: string) =>
  tenant.call('POST', `/endpoints/${id}/enable`, { body: parked === undefined ? {} : { parked } })

describe('410', () => {
  it('disables the endpoint, and D1 knows', async () => {
    const { tenant, endpoint } = await goneEndpoint()
    const { status, disabled_at } = await disabledFor('gone', tenant, endpoint)
    expect(status).toBe('disabled')
    expect(Date.parse(disabled_at)).toBeGreaterThanOrEqual(Date.parse(endpoint.created_at))
  })

  it('parks new messages with the reason, and drops none', async () => {
    const { tenant, endpoint, message_id } = await goneEndpoint()
    const { status, body } = await tenant.publish()
    expect(status).toBe(202)
    expect(body.deliveries).toMatchObject([{ endpoint_id: endpoint.id, state: 'parked' }])
    const { data } = (await tenant.call('GET', `/deliveries?endpoint_id=${endpoint.id}&state=parked`)).body
    expect(data.map((delivery: Json) => [delivery.message_id, delivery.reason, delivery.next_attempt_at])).toEqual(
      [body.id, message_id].map((id) => [id, 'endpoint_disabled: gone', null]),
    )
    await ringAlarm(endpoint.id)
    expect(arrivalsAt(endpoint)).toHaveLength(1)
  })

  it('uses up no retry', async () => {
    const { tenant, endpoint, message_id } = await goneEndpoint({ retry_delays_s: [] })
    receivers.current.become(endpoint.url, 200)
    await enable(tenant, endpoint)
    expect(await tenant.deliveryIn('succeeded', message_id, endpoint.id)).toMatchObject({ attempt_count: 2 })
  })

  it('that comes while D1 is down is told to it later, by the alarm', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await tenant.deliveryIn('succeeded', await tenant.published(), endpoint.id)
    const mendDatabase = breakDatabase()
    receivers.current.become(endpoint.url, 410)
    await tenant.published()
    await eventually('the answer', () => arrivalsAt(endpoint).length === 2)
    await ringAlarm(endpoint.id)
    mendDatabase()
    expect(await endpointOf(tenant, endpoint)).toMatchObject({ status: 'enabled' })
    expect(await alarmOf(endpoint.id)).toBeLessThanOrEqual(Date.now() + 60_000)
    await ringAlarm(endpoint.id)
    await disabledFor('gone', tenant, endpoint)
  })

  it('is not undone by settings that change meanwhile', async () => {
    const { tenant, endpoint, message_id } = await goneEndpoint()
    await disabledFor('gone', tenant, endpoint)
    await tenant.call('PATCH', `/endpoints/${endpoint.id}`, { body: { description: 'still gone' } })
    expect(await tenant.delivery(message_id, endpoint.id)).toMatchObject({ reason: 'endpoint_disabled: gone' })
  })

  it('is not undone by settings that change before D1 knows', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await tenant.deliveryIn('succeeded', await tenant.published(), endpoint.id)
    const mendDatabase = breakDatabase(isReport)
    receivers.current.become(endpoint.url, 410)
    const message_id = await tenant.published()
    await tenant.deliveryIn('parked', message_id, endpoint.id)
    await tenant.call('PATCH', `/endpoints/${endpoint.id}`, { body: { description: 'still gone' } })
    mendDatabase()
    await ringAlarm(endpoint.id)
    await disabledFor('gone', tenant, endpoint)
    expect(await tenant.delivery(message_id, endpoint.id)).toMatchObject({ state: 'parked' })
    expect(arrivalsAt(endpoint)).toHaveLength(2)
  })
})

describe('failing without one success', () => {
  it.each([1, 5])('for %i days, as the tenant set it, disables the endpoint', async (days) => {
    const tenant = await createTenant()
    await tenant.call('PATCH', '', { body: { disable_after_days: days } })
    const endpoint = await tenant.endpoint({ retry_delays_s: [3600, 3600, 3600, 3600] })
    receivers.current.become(endpoint.url, 500)
    const message_id = await tenant.published()
    const failed = (times: number) =>
      eventually(
        `failure ${times}`,
        async () => (await tenant.delivery(message_id, endpoint.id)).attempt_count === times,
      )
    await failed(1)
    skip(days * DAY_MS - 10_000)
    await ringAlarm(endpoint.id)
    await failed(2)
    expect((await endpointOf(tenant, endpoint)).status).toBe('enabled')
    skip(2 * 3_600_000)
    await ringAlarm(endpoint.id)
    await disabledFor('failing', tenant, endpoint)
    expect(await tenant.delivery(message_id, endpoint.id)).toMatchObject({ reason: 'endpoint_disabled: failing' })
  })

  it('counts from the last success', async () => {
    const tenant = await createTenant({ disable_after_days: 1 })
    const endpoint = await tenant.endpoint({ retry_delays_s: [3600] })
    receivers.current.become(endpoint.url, 500)
    await tenant.deliveryIn('waiting', await tenant.published(), endpoint.id)
    receivers.current.become(endpoint.url, 200)
    await tenant.deliveryIn('succeeded', await tenant.published(), endpoint.id)
    receivers.current.become(endpoint.url, 500)
    skip(2 * DAY_MS)
    await tenant.deliveryIn('waiting', await tenant.published(), endpoint.id)
    expect((await endpointOf(tenant, endpoint)).status).toBe('enabled')
  })
})

describe('enabling', () => {
  it('delivers what was parked, slowly at first', async () => {
    const { tenant, endpoint, message_id } = await goneEndpoint()
    const parked = [message_id, ...(await Promise.all([1, 2, 3, 4].map(() => tenant.published())))]
    const release = receivers.current.hold(endpoint.url)
    await enable(tenant, endpoint)
    await eventually('the first', () => arrivalsAt(endpoint).length === 2)
    expect((await tenant.call('GET', `/endpoints/${endpoint.id}/breaker`)).body).toMatchObject({
      in_flight: 1,
      max_in_flight: 1,
    })
    release()
    for (const id of parked) await tenant.deliveryIn('succeeded', id, endpoint.id)
    expect(arrivalsAt(endpoint)).toHaveLength(1 + parked.length)
  })

  it('or cancels it, if that is asked for, and delivers what comes next', async () => {
    const { tenant, endpoint, message_id } = await goneEndpoint()
    const parked = [message_id, ...(await Promise.all([1, 2, 3, 4].map(() => tenant.published())))]
    receivers.current.become(endpoint.url, 200)
    await enable(tenant, endpoint, 'cancel')
    for (const id of parked) await tenant.deliveryIn('cancelled', id, endpoint.id)
    skip(1000)
    await tenant.deliveryIn('succeeded', await tenant.published(), endpoint.id)
    expect(arrivalsAt(endpoint)).toHaveLength(2)
  })
})

describe('an enabling of which the Endpoint’s own disabling did not know', () => {
  it('ends it: the Endpoint forgets what it had yet to report, and delivers', async () => {
    const mendDatabase = breakDatabase(isReport)
    const { tenant, endpoint, message_id } = await goneEndpoint()
    await ringAlarm(endpoint.id)
    expect(await endpointOf(tenant, endpoint)).toMatchObject({ status: 'enabled' })
    receivers.current.become(endpoint.url, 200)
    await enable(tenant, endpoint)
    mendDatabase()
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
    await ringAlarm(endpoint.id)
    expect(await endpointOf(tenant, endpoint)).toMatchObject({ status: 'enabled', disabled_reason: null })
  })

  it('is not undone by the report that was on its way', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const owner = { tenant_id: tenant.id, endpoint_id: endpoint.id }
    const before = { reason: 'gone', at: Date.now() + 60_000, enabled_at: null } as const
    await enable(tenant, endpoint)
    // Late by the clock of the Endpoint, but of before by what it knew.
    await markDisabled(
      createDeps(env, () => {}),
      owner,
      before,
    )
    expect(await endpointOf(tenant, endpoint)).toMatchObject({ status: 'enabled', disabled_reason: null })
    await tenant.deliveryIn('succeeded', await tenant.published(), endpoint.id)
    const enabled_at = await env.DB.prepare('SELECT enabled_at FROM endpoints WHERE id = ?')
      .bind(endpoint.id)
      .first<number>('enabled_at')
    await markDisabled(
      createDeps(env, () => {}),
      owner,
      { ...before, enabled_at },
    )
    expect(await endpointOf(tenant, endpoint)).toMatchObject({ status: 'disabled', disabled_reason: 'gone' })
  })
})

describe('disabling by hand', () => {
  it('parks what waits for a retry, and enabling lets the schedule go on', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint({ retry_delays_s: [3600] })
    receivers.current.become(endpoint.url, 500)
    const message_id = await tenant.published()
    const { next_attempt_at } = await tenant.deliveryIn('waiting', message_id, endpoint.id)
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    expect(await tenant.delivery(message_id, endpoint.id)).toMatchObject({
      state: 'parked',
      reason: 'endpoint_disabled: manual',
    })
    await enable(tenant, endpoint)
    expect(await tenant.delivery(message_id, endpoint.id)).toMatchObject({ state: 'waiting', next_attempt_at })
  })

  it('lets what is in flight end', async () => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    const release = receivers.current.hold(endpoint.url)
    const message_id = await tenant.published()
    await eventually('the attempt', () => arrivalsAt(endpoint).length === 1)
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    release()
    await tenant.deliveryIn('succeeded', message_id, endpoint.id)
  })

  it('leaves no alarm but that of retention, however much is parked', async () => {
    const tenant = await createTenant()
    const { retention_days } = (await tenant.call('GET', '')).body
    const endpoint = await tenant.endpoint()
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    const { accepted_at } = (await tenant.publish()).body
    await tenant.published()
    await eventually('the alarm of retention', async () => {
      await ringAlarm(endpoint.id)
      return (await alarmOf(endpoint.id)) === Date.parse(accepted_at) + retention_days * DAY_MS
    })
  })
})
