import { describe, expect, it } from 'vitest'
import {
  collect,
  expectDeliveredOnce,
  expectUnavailable,
  TROUBLE,
  tryPublish,
  useFaultyPostern,
} from './faulty-postern.ts'
import { type Endpoint, range, Tenant, waitFor } from './harness.ts'

/** More than are called directly. */
const WIDE = 25

const shared = useFaultyPostern()

const throws = { kind: 'throws', ...TROUBLE.queue } as const
const loses_answer = { kind: 'loses_answer', ...TROUBLE.queue } as const

describe('the fan-out queue', () => {
  it('fails in whatever way: a wide fan-out is accepted, and delivered once to each', async () => {
    const { tenant, targets } = await tenantWith(WIDE)
    const ids: string[] = []
    for (const fault of [throws, loses_answer, { kind: 'slow', delay_ms: 300 }] as const) {
      await shared.faults.set({ FANOUT: fault })
      const { status, body } = await tryPublish(tenant, { type: 'fault.survived', data: {} })
      expect(status, fault.kind).toBe(202)
      expect(body.deliveries, fault.kind).toHaveLength(WIDE)
      expect(await shared.faults.strikes('FANOUT'), fault.kind).toBe(1)
      ids.push(body.id)
    }
    await shared.faults.lift()
    await expectDelivered(tenant, targets, ids)
  })

  it('throws: a publish that the queue alone could have placed answers 503, and is repeated safely', async () => {
    const { tenant, targets } = await tenantWith(2)
    await shared.faults.set({ FANOUT: throws, 'ENDPOINT.enqueue': { kind: 'throws', message: 'broken', times: 1 } })
    const refused = await tryPublish(tenant, { type: 'fault.survived', data: {} })
    expectUnavailable(refused, 'not_all_placed')
    const id = refused.body.message_id ?? ''

    await shared.faults.lift()
    const repeated = await tryPublish(tenant, { type: 'fault.survived', data: {} }, { 'idempotency-key': id })
    expect(repeated).toMatchObject({ status: 202, body: { id } })
    await expectDelivered(tenant, targets, [id])
  })
})

describe('the retries queue', () => {
  it.each([
    { how: 'throws', fault: throws },
    { how: 'takes a clock without an answer', fault: loses_answer },
  ] as const)('$how: the retry comes in its time by the alarm, and only once', async ({ fault }) => {
    const { tenant, targets } = await tenantWith(1)
    const path = targets[0]?.path ?? ''
    shared.receiver.become(path, { kind: 'choosy', status: (_, times) => (times === 1 ? 500 : 200), delay_ms: 0 })
    await shared.faults.set({ RETRIES: fault })
    const { body } = await tryPublish(tenant, { type: 'fault.survived', data: {} })
    await waitFor(() => shared.receiver.accepted(path).length === 1, { limit_ms: 5_000, what: 'The retry' })
    expect(await shared.faults.strikes('RETRIES')).toBe(1)

    await shared.faults.lift()
    await expectDelivered(tenant, targets, [body.id])
    expect(shared.receiver.arrivals(path)).toHaveLength(2)
  })
})

describe('the dead-letters queue', () => {
  it.each([
    { how: 'throws', fault: throws },
    { how: 'takes a notice without an answer', fault: loses_answer },
  ] as const)('$how: the notice stays with the Endpoint, and is recorded once', async ({ fault }) => {
    const { tenant, targets } = await tenantWith(1, [])
    const [{ endpoint, path }] = targets as [(typeof targets)[0]]
    shared.receiver.become(path, { kind: 'failing' })
    const deaths = async () =>
      (await collect<{ message_id: string }>(shared.gateway.operator, `${tenant.path}/dead-letters`))
        .map((letter) => letter.message_id)
        .sort()

    await shared.faults.set({ DEAD_LETTERS: fault })
    const first = await tryPublish(tenant, { type: 'fault.survived', data: {} })
    await endpoint.finished()
    await waitFor(async () => (await shared.faults.strikes('DEAD_LETTERS')) > 0, { limit_ms: 5_000, what: 'A notice' })
    if (fault.kind === 'throws') expect(await deaths()).toEqual([])

    await shared.faults.lift()
    // The next death takes along what waits; without one the alarm does, within a minute.
    const second = await tryPublish(tenant, { type: 'fault.survived', data: {} })
    const both = [first.body.id, second.body.id].sort()
    await waitFor(async () => (await deaths()).length >= 2, { limit_ms: 10_000, what: 'Both records' })
    expect(await deaths()).toEqual(both)

    shared.receiver.become(path, { kind: 'well' })
    await endpoint.redrive()
    await expectDelivered(tenant, targets, both)
    await waitFor(async () => (await deaths()).length === 0, { limit_ms: 5_000, what: 'The end of the dead letters' })
  })
})

interface Target {
  endpoint: Endpoint
  path: string
}

let tenants = 0

async function tenantWith(count: number, retry_delays_s = [1]): Promise<{ tenant: Tenant; targets: Target[] }> {
  const tenant = await Tenant.create(shared.gateway.operator, `queues-${++tenants}`)
  const targets = await Promise.all(
    range(count).map(async (i) => {
      const path = `${tenant.path}/${i}`
      return { path, endpoint: await tenant.endpoint(shared.receiver, path, { retry_delays_s }) }
    }),
  )
  return { tenant, targets }
}

function expectDelivered(tenant: Tenant, targets: Target[], ids: string[]): Promise<void> {
  return expectDeliveredOnce(
    shared,
    tenant,
    targets.map((target) => ({ ...target, ids })),
  )
}
