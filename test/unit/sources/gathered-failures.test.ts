import { describe, expect, it } from 'vitest'
import { type Failure, GatheredFailures } from '../../../src/sources/gathered-failures.ts'

const AT = Date.parse('2026-11-24T09:30:10.000Z')
const MINUTE = Date.parse('2026-11-24T09:30:00.000Z')

const failure = (fields: Partial<Failure> = {}): Failure => ({
  tenant_id: 'acme',
  source_id: 'src_1',
  reason: 'signature_mismatch',
  address: '192.0.2.1',
  header_names: ['host'],
  at: AT,
  ...fields,
})

function gathered(failures: readonly Failure[]) {
  const all = new GatheredFailures()
  for (const one of failures) all.add(one)
  return all
}

const sum = (groups: readonly { count: number }[]) => groups.reduce((total, { count }) => total + count, 0)

describe('failures that look the same', () => {
  it('are one group of their minute', () => {
    const { groups } = gathered([failure(), failure({ at: AT + 1000, header_names: ['later'] })]).take()
    expect(groups).toEqual([
      {
        tenant_id: 'acme',
        source_id: 'src_1',
        reason: 'signature_mismatch',
        address: '192.0.2.1',
        minute: MINUTE,
        count: 2,
        last_at: AT + 1000,
        header_names: ['later'],
      },
    ])
  })

  it.each([
    ['tenant', { tenant_id: 'other' }],
    ['source', { source_id: 'src_2' }],
    ['reason', { reason: 'missing_signature' }],
    ['address', { address: '192.0.2.2' }],
    ['minute', { at: AT + 60_000 }],
  ] as const)('are not those of another %s', (_what, fields) => {
    expect(gathered([failure(), failure(fields)]).take().groups).toHaveLength(2)
  })

  it('are handed out once', () => {
    const all = gathered([failure()])
    all.take()
    expect(all.take()).toEqual({ groups: [], lost: 0 })
  })

  it('are put together with what came after them when they are given back', () => {
    const all = gathered([failure({ header_names: ['older'] })])
    const taken = all.take()
    all.add(failure({ at: AT + 5 }))
    all.giveBack(taken)
    expect(all.take().groups).toMatchObject([{ count: 2, last_at: AT + 5, header_names: ['host'] }])
  })
})

describe('a flood', () => {
  it('names ten addresses of a source and minute, also over several takings', () => {
    const all = new GatheredFailures()
    const named = new Set<string>()
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 100; i++) all.add(failure({ address: `192.0.${round}.${i}` }))
      for (const { address } of all.take().groups) named.add(address)
    }
    expect(named.size).toBe(11)
    expect(named).toContain('')
  })

  it('of one source leaves another its addresses', () => {
    const all = new GatheredFailures()
    for (let i = 0; i < 1000; i++) all.add(failure({ address: `192.0.2.${i}` }))
    all.add(failure({ source_id: 'src_2', address: '198.51.100.1' }))
    expect(all.take().groups.find(({ source_id }) => source_id === 'src_2')?.address).toBe('198.51.100.1')
  })

  it('of any number of sources and addresses stays within bounds, and every failure is counted somewhere', () => {
    const all = new GatheredFailures()
    for (let i = 0; i < 3000; i++) all.add(failure({ source_id: `src_${i % 1000}`, address: `${i}` }))
    const { groups, lost } = all.take()
    expect(groups.length).toBeLessThanOrEqual(400)
    expect(lost).toBeGreaterThan(0)
    expect(sum(groups) + lost).toBe(3000)
  })

  it('of minutes that cannot be written stays within bounds too', () => {
    const all = new GatheredFailures()
    for (let minute = 0; minute < 1000; minute++) {
      all.add(failure({ at: AT + minute * 60_000 }))
      all.giveBack(all.take())
    }
    const { groups, lost } = all.take()
    expect(groups).toHaveLength(400)
    expect(sum(groups) + lost).toBe(1000)
  })
})
