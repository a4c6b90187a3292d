import { describe, expect, it } from 'vitest'
import {
  deliveriesOf,
  expectDeliveredOnce,
  expectUnavailable,
  type Problem,
  TROUBLE,
  tryPublish,
  useFaultyPostern,
} from './faulty-postern.ts'
import { Tenant, waitFor } from './harness.ts'

/** Too large for a row of the Endpoint: it goes to R2. */
const LARGE = 'x'.repeat(150_000)

const shared = useFaultyPostern()

describe('R2 while a payload is written', () => {
  it.each([
    { how: 'throws', fault: { kind: 'throws', ...TROUBLE.bucket_put } },
    { how: 'takes it without an answer', fault: { kind: 'loses_answer', ...TROUBLE.bucket_put } },
  ] as const)(
    '$how: a large message is refused, a small one accepted, and the large one repeated',
    async ({ fault }) => {
      const { tenant, endpoint, path } = await tenantWithEndpoint()
      await shared.faults.set({ 'PAYLOADS.put': fault })
      const large = { type: 'fault.survived', data: { text: LARGE } }
      const refused = await tryPublish(tenant, large)
      expectUnavailable(refused, 'not_all_placed')
      const small = await tryPublish(tenant, { type: 'fault.survived', data: {} })
      expect(small.status).toBe(202)

      await shared.faults.lift()
      const id = refused.body.message_id ?? ''
      const repeated = await tryPublish(tenant, large, { 'idempotency-key': id })
      expect(repeated).toMatchObject({ status: 202, body: { id, duplicate: false } })
      await expectDeliveredOnce(shared, tenant, [{ endpoint, path, ids: [small.body.id, id] }])
      expect(textsAt(path).sort()).toEqual(['', LARGE])
    },
  )

  it('takes its time: the 202 waits for it', async () => {
    const { tenant, endpoint, path } = await tenantWithEndpoint()
    await shared.faults.set({ 'PAYLOADS.put': { kind: 'slow', delay_ms: 500 } })
    const asked_at = performance.now()
    const { status, body } = await tryPublish(tenant, { type: 'fault.survived', data: { text: LARGE } })
    expect(status).toBe(202)
    expect(performance.now() - asked_at).toBeGreaterThan(450)
    await expectDeliveredOnce(shared, tenant, [{ endpoint, path, ids: [body.id] }])
  })
})

describe('R2 while a payload is read', () => {
  it('throws: the attempt is put off, which uses up no retry, and goes through afterwards', async () => {
    const { tenant, endpoint, path } = await tenantWithEndpoint()
    const { operator } = shared.gateway
    await shared.faults.set({ 'PAYLOADS.get': { kind: 'throws', ...TROUBLE.bucket_get } })
    const { status, body } = await tryPublish(tenant, { type: 'fault.survived', data: { text: LARGE } })
    expect(status).toBe(202)
    const put_off = await waitFor(
      async () => (await deliveriesOf(operator, tenant, endpoint)).find(({ attempt_count }) => attempt_count > 0),
      { limit_ms: 5_000, what: 'The end of the first attempt' },
    )
    // The endpoint has no retries at all, so one that counted would have ended it.
    expect(put_off).toMatchObject({ state: 'waiting', last_error: 'interrupted' })
    expect((await endpoint.breaker()).state).toBe('closed')
    expect(shared.receiver.arrivals(path)).toEqual([])
    expectUnavailable(await operator.send<Problem>('GET', `${tenant.path}/messages/${body.id}`))

    await shared.faults.lift()
    // It would come by itself, half a minute after the first.
    await operator.post(`${tenant.path}/deliveries/${body.id}.${endpoint.id}/retry`)
    await expectDeliveredOnce(shared, tenant, [{ endpoint, path, ids: [body.id] }])
    expect(textsAt(path)).toEqual([LARGE])
  })
})

let tenants = 0

async function tenantWithEndpoint() {
  const tenant = await Tenant.create(shared.gateway.operator, `payloads-${++tenants}`)
  const path = tenant.path
  return { tenant, path, endpoint: await tenant.endpoint(shared.receiver, path, { retry_delays_s: [] }) }
}

function textsAt(path: string): string[] {
  return shared.receiver.accepted(path).map(({ body }) => JSON.parse(body).data.text ?? '')
}
