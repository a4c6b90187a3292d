import { describe, expect, it } from 'vitest'
import { expectDeliveredOnce, useFaultyPostern } from './faulty-postern.ts'
import { range, Tenant } from './harness.ts'

const MESSAGES = 20

const shared = useFaultyPostern()

describe('Analytics Engine throws', () => {
  it('and nobody notices: accepted, retried and delivered as ever', async () => {
    const { gateway, receiver, faults } = shared
    const tenant = await Tenant.create(gateway.operator, 'uncounted')
    const endpoint = await tenant.endpoint(receiver, '/uncounted', { retry_delays_s: [1] })
    // One in five fails at first, so that there are points of both kinds.
    const refused = new Set([3, 8, 13, 18])
    receiver.become('/uncounted', {
      kind: 'choosy',
      status: ({ body }, times) => (times === 1 && refused.has(JSON.parse(body).data.seq) ? 500 : 200),
      delay_ms: 0,
    })
    await faults.set({ ATTEMPTS: { kind: 'throws', message: 'Analytics Engine is unavailable' } })
    const ids = await tenant.publishBatch(range(MESSAGES).map((seq) => ({ type: 'fault.survived', data: { seq } })))
    await expectDeliveredOnce(shared, tenant, [{ endpoint, path: '/uncounted', ids }])
    expect(await faults.strikes('ATTEMPTS')).toBe(MESSAGES + refused.size)
  })
})
