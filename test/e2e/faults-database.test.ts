import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import type { Answer, Published } from '../../scripts/client.ts'
import type { Arrival } from '../../scripts/receiver.ts'
import {
  expectAgreement,
  expectDeliveredOnce,
  expectUnavailable,
  type Problem,
  TROUBLE,
  tryPublish,
  useFaultyPostern,
} from './faulty-postern.ts'
import { range, Tenant, waitFor } from './harness.ts'

/** Longer than configuration counts as fresh, so that whoever publishes has to do without. */
const STALE_MS = 2_500

const shared = useFaultyPostern()

describe('D1 throws', () => {
  const down = { DB: { kind: 'throws', ...TROUBLE.database } } as const

  it('goes on publishing and delivering for a tenant that it knows, and catches up afterwards', async () => {
    const { gateway, receiver, faults } = shared
    const tenant = await Tenant.create(gateway.operator, 'known')
    const well = await tenant.endpoint(receiver, '/known')
    const shaky = await tenant.endpoint(receiver, '/known-shaky', { retry_delays_s: [1, 1] })
    const status = ({ body }: Arrival, times: number) => (JSON.parse(body).data.seq === 1 && times === 1 ? 500 : 200)
    receiver.become('/known-shaky', { kind: 'choosy', status, delay_ms: 0 })
    const ids = [await accepted(tenant, 0)]

    await faults.set(down)
    const began_at = performance.now()
    await waitFor(
      async () => {
        ids.push(await accepted(tenant, ids.length))
        return performance.now() - began_at > STALE_MS
      },
      { limit_ms: 10_000, what: 'The end of what is fresh', interval_ms: 250 },
    )
    // With its retries: nothing that a delivery needs is in D1.
    for (const path of ['/known', '/known-shaky']) {
      await waitFor(() => receiver.accepted(path).length === ids.length, { limit_ms: 5_000, what: 'All arrivals' })
    }
    expect(await faults.strikes('DB')).toBeGreaterThan(0)

    await faults.lift()
    await expectDeliveredOnce(shared, tenant, [
      { endpoint: well, path: '/known', ids },
      { endpoint: shaky, path: '/known-shaky', ids },
    ])
  })

  it('shows what the Endpoint knows, and answers 503 where only D1 knows', async () => {
    const { gateway, receiver, faults } = shared
    const tenant = await Tenant.create(gateway.operator, 'read')
    const endpoint = await tenant.endpoint(receiver, '/read')
    const id = await accepted(tenant, 0)
    await endpoint.finished()
    const of_endpoint = `${tenant.path}/deliveries?endpoint_id=${endpoint.id}`
    await gateway.operator.get(of_endpoint)

    await faults.set(down)
    const ask = (method: string, path: string, body?: unknown) =>
      gateway.operator.send<Problem>(method, path, body === undefined ? {} : { body })
    for (const path of [of_endpoint, `${tenant.path}/deliveries/${id}.${endpoint.id}`]) {
      expect((await ask('GET', path)).status, path).toBe(200)
    }
    expect((await ask('GET', '/healthz')).status).toBe(200)
    // Publishers that this isolate knows are served, so it is not down.
    expect(await ask('GET', '/readyz')).toMatchObject({
      status: 200,
      body: { status: 'degraded', publishing: 'limited', parts: { database: { status: 'failed' } } },
    })
    for (const path of [
      '/v1/tenants',
      `${tenant.path}/endpoints`,
      `${tenant.path}/deliveries`,
      `${tenant.path}/messages`,
      `${tenant.path}/messages/${id}`,
      `${tenant.path}/dead-letters`,
    ]) {
      expectUnavailable(await ask('GET', path))
    }
    for (const [method, path, body] of [
      ['POST', '/v1/tenants', { id: 'never', name: 'never' }],
      ['POST', `${tenant.path}/endpoints`, { url: receiver.url('/never') }],
      ['PATCH', `${tenant.path}/endpoints/${endpoint.id}`, { description: 'never' }],
      ['POST', `${tenant.path}/endpoints/${endpoint.id}/disable`, {}],
      ['DELETE', `${tenant.path}/endpoints/${endpoint.id}`, undefined],
    ] as const) {
      expectUnavailable(await ask(method, path, body))
    }

    await faults.lift()
    expect((await ask('GET', '/v1/tenants/never')).status).toBe(404)
    const { data } = await gateway.operator.get<{ data: { description: string; status: string }[] }>(
      `${tenant.path}/endpoints`,
    )
    expect(data.map(({ description, status }) => ({ description, status }))).toEqual([
      { description: '', status: 'enabled' },
    ])
    await expectDeliveredOnce(shared, tenant, [{ endpoint, path: '/read', ids: [id] }])
  })

  it('refuses a message that nobody subscribed to, for only D1 could keep it, and takes it when repeated', async () => {
    const { gateway, receiver, faults } = shared
    const tenant = await Tenant.create(gateway.operator, 'unheard')
    await tenant.endpoint(receiver, '/unheard', { event_types: ['heard.*'] })
    expect((await tenant.publish({ type: 'heard.once', data: {} })).status).toBe(202)

    await faults.set(down)
    const refused = await tryPublish(tenant, { type: 'unheard.of', data: {} })
    expectUnavailable(refused, 'not_all_placed')
    await faults.lift()

    const key = { 'idempotency-key': refused.body.message_id ?? '' }
    const repeated = await tryPublish(tenant, { type: 'unheard.of', data: {} }, key)
    expect(repeated).toMatchObject({ status: 202, body: { id: refused.body.message_id, deliveries: [] } })
    expect(await unheard(tenant)).toEqual([refused.body.message_id])
  })

  it('answers 503 to everybody after a restart, when nothing is known, and goes on where it was afterwards', async () => {
    const { gateway, receiver, faults } = shared
    const tenant = await Tenant.create(gateway.operator, 'cold')
    const endpoint = await tenant.endpoint(receiver, '/cold')
    receiver.become('/cold', { kind: 'slow', delay_ms: 20_000 })
    const ids = await tenant.publishBatch(range(5).map((seq) => ({ type: 'cold.sent', data: { seq } })))
    await waitFor(() => receiver.arrivals('/cold').length === 5, { limit_ms: 5_000, what: 'Five in flight' })

    await gateway.kill()
    receiver.become('/cold', { kind: 'well' })
    await gateway.restart({ FAULTS: JSON.stringify(down) })
    expectUnavailable(await tryPublish(tenant, { type: 'cold.sent', data: { seq: 5 } }))
    expect((await gateway.operator.send('GET', '/healthz')).status).toBe(200)
    expect(await faults.strikes('DB')).toBeGreaterThan(0)

    await faults.lift()
    // The first that calls the Endpoint wakes it; what was in flight at the crash goes again.
    ids.push(await accepted(tenant, 5))
    await expectDeliveredOnce(shared, tenant, [{ endpoint, path: '/cold', ids }])
  })
})

describe('D1 takes effect, and its answer is lost', () => {
  it('writes nothing twice: the read model agrees, and a repeated publish is a duplicate', async () => {
    const { gateway, receiver, faults } = shared
    const tenant = await Tenant.create(gateway.operator, 'lost')
    const endpoint = await tenant.endpoint(receiver, '/lost', { event_types: ['heard.*'] })
    const ids = [await accepted(tenant, 0, 'heard.once')]

    await faults.set({ DB: { kind: 'loses_answer', ...TROUBLE.database } })
    ids.push(await accepted(tenant, 1, 'heard.once'))
    const refused = await tryPublish(tenant, { type: 'unheard.of', data: {} })
    expectUnavailable(refused, 'not_all_placed')
    await waitFor(async () => (await faults.strikes('DB')) >= 3, {
      limit_ms: 5_000,
      what: 'A lost write of the read model',
    })

    await faults.lift()
    const repeat = { 'idempotency-key': refused.body.message_id ?? '' }
    const repeated = await tryPublish(tenant, { type: 'unheard.of', data: {} }, repeat)
    expect(repeated).toMatchObject({ status: 202, body: { duplicate: true } })
    expect(await unheard(tenant)).toEqual([refused.body.message_id])
    await expectDeliveredOnce(shared, tenant, [{ endpoint, path: '/lost', ids }])
  })
})

describe('D1 does not answer', () => {
  const hanging = { DB: { kind: 'slow', delay_ms: 6_000 } } as const

  it('keeps nobody waiting who publishes for a tenant that it knows', async () => {
    const { gateway, receiver, faults } = shared
    const tenant = await Tenant.create(gateway.operator, 'patient')
    const endpoint = await tenant.endpoint(receiver, '/patient')
    const ids = [await accepted(tenant, 0)]
    await endpoint.finished()

    await faults.set(hanging)
    const began_at = performance.now()
    const waits_ms: number[] = []
    await waitFor(
      async () => {
        const asked_at = performance.now()
        ids.push(await accepted(tenant, ids.length))
        waits_ms.push(performance.now() - asked_at)
        return performance.now() - began_at > STALE_MS
      },
      { limit_ms: 40_000, what: 'The end of what is fresh', interval_ms: 250 },
    )
    expect(await gateway.operator.send('GET', '/readyz')).toMatchObject({
      status: 200,
      body: { status: 'degraded', publishing: 'limited', parts: { database: { status: 'timeout' } } },
    })
    expect(await faults.strikes('DB')).toBeGreaterThan(0)

    await faults.lift()
    await expectDeliveredOnce(shared, tenant, [{ endpoint, path: '/patient', ids }])
    expect(Math.max(...waits_ms), 'the longest wait for a 202, in ms').toBeLessThan(3_000)
  })
})

describe('D1 throws while a delivery dies', () => {
  it('keeps its notice in the queue, and lists it afterwards', async () => {
    const { gateway, receiver, faults } = shared
    const tenant = await Tenant.create(gateway.operator, 'dying')
    const endpoint = await tenant.endpoint(receiver, '/dying', { retry_delays_s: [] })
    receiver.become('/dying', { kind: 'failing' })
    await accepted(tenant, 0)
    await waitFor(async () => (await endpoint.deadLetterIds()).length === 1, {
      limit_ms: 5_000,
      what: 'The first death',
    })

    await faults.set({ DB: { kind: 'throws', ...TROUBLE.database } })
    await accepted(tenant, 1)
    await waitFor(async () => (await readFile(gateway.log_file, 'utf8')).includes('dead_letters.unrecorded'), {
      limit_ms: 5_000,
      what: 'A record that D1 refused',
    })
    await faults.lift()

    await waitFor(async () => (await endpoint.deadLetterIds()).length === 2, {
      limit_ms: 10_000,
      what: 'The second death',
    })
    const own = await expectAgreement(gateway.operator, tenant, [endpoint])
    expect(own.map(({ state }) => state)).toEqual(['dead', 'dead'])
  })
})

async function accepted(tenant: Tenant, seq: number, type = 'fault.survived'): Promise<string> {
  const { status, body }: Answer<Published> = await tenant.publish({ type, data: { seq } })
  expect({ status, body }).toMatchObject({ status: 202, body: { duplicate: false } })
  return body.id
}

/** Ids of the kept messages that nobody subscribed to. */
async function unheard(tenant: Tenant): Promise<string[]> {
  const { data } = await shared.gateway.operator.get<{ data: { id: string }[] }>(
    `${tenant.path}/messages?type=unheard.of`,
  )
  return data.map(({ id }) => id)
}
