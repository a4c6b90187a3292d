import { describe, expect, it } from 'vitest'
import type { Arrival } from '../../scripts/receiver.ts'
import type { Fault } from './faults/plan.ts'
import {
  expectDeliveredOnce,
  expectUnavailable,
  type Problem,
  TROUBLE,
  tryPublish,
  useFaultyPostern,
} from './faulty-postern.ts'
import { range, Tenant, waitFor } from './harness.ts'

const WAYS_TO_FAIL: Record<string, Fault> = {
  'throws once': { kind: 'throws', ...TROUBLE.object, times: 1 },
  'takes effect once without an answer': { kind: 'loses_answer', ...TROUBLE.object, times: 1 },
  'is refused once for overload': { kind: 'throws', ...TROUBLE.overloaded_object, times: 1 },
  'always throws': { kind: 'throws', ...TROUBLE.object },
  'always takes effect without an answer': { kind: 'loses_answer', ...TROUBLE.object },
  'always throws what the platform does not mark': { kind: 'throws', message: 'internal error' },
}

const shared = useFaultyPostern()

describe('the call that places a delivery in its Endpoint', () => {
  it('fails in whatever way: the publish is accepted as new, and delivered once', async () => {
    const tenant = await aTenant()
    const path = tenant.path
    const endpoint = await tenant.endpoint(shared.receiver, path)
    const ids: string[] = []
    const answers: Record<string, { status: number; duplicate: boolean; struck: boolean }> = {}
    for (const [how, fault] of Object.entries(WAYS_TO_FAIL)) {
      await shared.faults.set({ 'ENDPOINT.enqueue': fault })
      const { status, body } = await publishSeq(tenant, ids.length)
      ids.push(body.id)
      const struck = (await shared.faults.strikes('ENDPOINT.enqueue')) > 0
      answers[how] = { status, duplicate: body.duplicate, struck }
    }
    await shared.faults.lift()
    await expectDeliveredOnce(shared, tenant, [{ endpoint, path, ids }])
    const accepted_as_new = { status: 202, duplicate: false, struck: true }
    expect(answers).toEqual(Object.fromEntries(Object.keys(WAYS_TO_FAIL).map((how) => [how, accepted_as_new])))
  })

  it.each([
    { how: 'throws', fault: { kind: 'throws', ...TROUBLE.object } },
    { how: 'takes effect without an answer', fault: { kind: 'loses_answer', ...TROUBLE.object } },
  ] as const)('$how: a keyed publish waits for the verdict on its key, and may be repeated', async ({ fault }) => {
    const tenant = await aTenant()
    const paths = range(3).map((i) => `${tenant.path}/${i}`)
    const endpoints = []
    for (const path of paths) endpoints.push({ path, endpoint: await tenant.endpoint(shared.receiver, path) })
    const publish = (data: unknown) => tryPublish(tenant, { type: 'keyed', data }, { 'idempotency-key': 'order-1842' })

    await shared.faults.set({ 'ENDPOINT.enqueue': fault })
    const refused = await publish({ order: 1842 })
    expectUnavailable(refused, 'not_all_placed')

    await shared.faults.lift()
    const repeated = await publish({ order: 1842 })
    expect(repeated).toMatchObject({ status: 202, body: { id: refused.body.message_id } })
    expect(repeated.body.deliveries).toHaveLength(3)
    expect(await publish({ order: 1843 })).toMatchObject({ status: 409, body: { code: 'idempotency_conflict' } })
    const ids = [repeated.body.id]
    await expectDeliveredOnce(
      shared,
      tenant,
      endpoints.map((target) => ({ ...target, ids })),
    )
  })

  it('throws: a fifo endpoint still gets its messages in the order of their acceptance', async () => {
    const tenant = await aTenant()
    const path = tenant.path
    const endpoint = await tenant.endpoint(shared.receiver, path, { ordering: 'fifo' })
    const ids = [await accepted(tenant, 0)]

    await shared.faults.set({ 'ENDPOINT.enqueue': { kind: 'throws', ...TROUBLE.overloaded_object, times: 1 } })
    // Accepted or refused: whoever is refused repeats before going on.
    for (const seq of [1, 2]) {
      await waitFor(
        async () => {
          const { status, body } = await publishSeq(tenant, seq)
          if (status === 202) ids.push(body.id)
          return status === 202
        },
        { limit_ms: 5_000, what: 'The acceptance' },
      )
    }
    expect(await shared.faults.strikes('ENDPOINT.enqueue')).toBe(1)
    await expectDeliveredOnce(shared, tenant, [{ endpoint, path, ids }])
    expect(shared.receiver.accepted(path).map(seqOf)).toEqual([0, 1, 2])
  })
})

describe('any other call of an Endpoint', () => {
  it('throws: what only the Endpoint knows answers 503, and publishing and delivering go on', async () => {
    const tenant = await aTenant()
    const path = tenant.path
    const endpoint = await tenant.endpoint(shared.receiver, path)
    const ids = [await accepted(tenant, 0)]

    const broken = { kind: 'throws', ...TROUBLE.object } as const
    await shared.faults.set({ 'ENDPOINT.list': broken, 'ENDPOINT.breaker': broken, 'ENDPOINT.get': broken })
    for (const asked of [
      `deliveries?endpoint_id=${endpoint.id}`,
      `deliveries/${ids[0]}.${endpoint.id}`,
      `endpoints/${endpoint.id}/breaker`,
    ]) {
      expectUnavailable(await shared.gateway.operator.send<Problem>('GET', `${tenant.path}/${asked}`))
    }
    ids.push(await accepted(tenant, 1))
    await waitFor(() => shared.receiver.accepted(path).length === 2, { limit_ms: 5_000, what: 'Both arrivals' })

    await shared.faults.lift()
    await expectDeliveredOnce(shared, tenant, [{ endpoint, path, ids }])
  })

  it('throws: a change of settings is kept, and holds from the next message on', async () => {
    const tenant = await aTenant()
    const path = tenant.path
    await shared.faults.set({ 'ENDPOINT.configure': { kind: 'throws', ...TROUBLE.object } })
    const endpoint = await tenant.endpoint(shared.receiver, path)
    const ids = [await accepted(tenant, 0)]
    await endpoint.disable()
    const parked = await publishSeq(tenant, 1)
    expect(parked).toMatchObject({ status: 202, body: { deliveries: [{ state: 'parked' }] } })
    expect(await shared.faults.strikes('ENDPOINT.configure')).toBeGreaterThan(1)

    await shared.faults.lift()
    await endpoint.enable()
    await expectDeliveredOnce(shared, tenant, [{ endpoint, path, ids: [...ids, parked.body.id] }])
  })

  it('throws: a wake that did not reach its Endpoint comes again', async () => {
    const tenant = await aTenant()
    const path = tenant.path
    const endpoint = await tenant.endpoint(shared.receiver, path, { retry_delays_s: [1] })
    shared.receiver.become(path, { kind: 'choosy', status: (_, times) => (times === 1 ? 500 : 200), delay_ms: 0 })
    await shared.faults.set({ 'ENDPOINT.wake': { kind: 'throws', message: 'internal error', times: 1 } })
    const ids = [await accepted(tenant, 0)]
    await waitFor(() => shared.receiver.accepted(path).length === 1, { limit_ms: 10_000, what: 'The retry' })
    expect(await shared.faults.strikes('ENDPOINT.wake')).toBe(1)
    await expectDeliveredOnce(shared, tenant, [{ endpoint, path, ids }])
  })
})

const aTenant = () => Tenant.create(shared.gateway.operator, `objects-${++tenants}`)
let tenants = 0

const publishSeq = (tenant: Tenant, seq: number) => tryPublish(tenant, { type: 'fault.survived', data: { seq } })
const seqOf = (arrival: Arrival): number => JSON.parse(arrival.body).data.seq

async function accepted(tenant: Tenant, seq: number): Promise<string> {
  const answer = await publishSeq(tenant, seq)
  expect(answer).toMatchObject({ status: 202, body: { duplicate: false, deliveries: [{}] } })
  return answer.body.id
}
