import { describe, expect, it } from 'vitest'
import type { Fault } from './faults/plan.ts'
import { useFaultyPostern } from './faulty-postern.ts'
import { range, Tenant, waitFor } from './harness.ts'

const MESSAGES = 20
const FAULTS: [string, Fault][] = [
  ['throws', { kind: 'throws', message: 'Network connection lost.', times: 10 }],
  [
    'throws and may be asked again',
    { kind: 'throws', message: 'Network connection lost.', marks: { retryable: true }, times: 10 },
  ],
  ['loses its answer', { kind: 'loses_answer', message: 'Network connection lost.', times: 10 }],
  [
    'loses its answer and may be asked again',
    { kind: 'loses_answer', message: 'Network connection lost.', marks: { retryable: true }, times: 10 },
  ],
  ['takes too long', { kind: 'slow', delay_ms: 3000, times: 5 }],
]

const shared = useFaultyPostern()

describe.each(FAULTS)('an object that counts and %s', (_what, fault) => {
  it('keeps nobody from publishing, and what was accepted is counted once', { timeout: 120_000 }, async () => {
    const { gateway, receiver, faults } = shared
    const tenant = await Tenant.create(
      gateway.operator,
      `counted-${fault.kind.replaceAll('_', '-')}-${'marks' in fault ? 'again' : 'once'}`,
    )
    await tenant.endpoint(receiver, `/counted-${fault.kind}`)
    await gateway.operator.send('PATCH', tenant.path, { body: { limits: { messages_per_month: 1000 } } })
    const usage = () => gateway.operator.get<{ accepted: number | null; unmetered: number }>(`${tenant.path}/usage`)
    await faults.set({ 'QUOTA.take': fault, 'QUOTA.settle': fault })
    const answers = await Promise.all(
      range(MESSAGES).map((seq) =>
        // Some are duplicates of others, which count once and are given back.
        tenant.publish({ type: 'fault.counted', data: { seq: seq % 15 } }, { 'idempotency-key': `${seq % 15}` }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual(range(MESSAGES).map(() => 202))
    const accepted = answers.filter(({ body }) => !body.duplicate).length
    expect(accepted).toBe(15)
    expect(await faults.strikes('QUOTA.take')).toBeGreaterThan(0)
    await faults.set({})
    await waitFor(async () => (await usage()).accepted === accepted, {
      limit_ms: 40_000,
      what: `${accepted} to be counted`,
    })
  })
})
