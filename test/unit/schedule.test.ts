import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jittered, nextDelay } from '../../durable-objects/endpoint/schedule.ts'

const HOUR = 3_600_000
const even = () => 0.5

describe('the delay before a retry', () => {
  it('is that of the schedule, one after the other, until there is none left', () => {
    const delays = [5000, 300_000, 1_800_000]
    expect([1, 2, 3, 4, 5].map((failures) => nextDelay(delays, failures, null, even))).toEqual([
      5000,
      300_000,
      1_800_000,
      undefined,
      undefined,
    ])
  })

  it('is none for an endpoint without retries, whatever the receiver asks for', () => {
    expect(nextDelay([], 1, null, even)).toBeUndefined()
    expect(nextDelay([], 1, 60_000, even)).toBeUndefined()
  })

  it('is never shorter than the receiver asked for, and never longer than both', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 24 * HOUR }), fc.nat(24 * HOUR), (delay_ms, retry_after_ms) => {
        expect(nextDelay([delay_ms], 1, retry_after_ms, even)).toBe(Math.max(delay_ms, retry_after_ms))
      }),
    )
  })

  it('is at most a day on account of the receiver', () => {
    expect(nextDelay([5000], 1, 365 * 24 * HOUR, even)).toBe(24 * HOUR)
  })
})

describe('jitter', () => {
  it('stays within a fifth either way, in whole milliseconds', () => {
    fc.assert(
      fc.property(fc.nat(24 * HOUR), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (ms, chance) => {
        const spread = jittered(ms, () => chance)
        expect(Number.isInteger(spread)).toBe(true)
        expect(Math.abs(spread - ms)).toBeLessThanOrEqual(ms * 0.2 + 0.5)
      }),
    )
  })

  it('reaches both ends', () => {
    expect(jittered(1000, () => 0)).toBe(800)
    expect(jittered(1000, () => 1 - Number.EPSILON)).toBe(1200)
  })
})
