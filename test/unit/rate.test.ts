import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fullBucket, refill, untilToken } from '../../durable-objects/endpoint/rate.ts'

describe('a token bucket', () => {
  it.each([
    [1, 1],
    [5, 1],
    [10, 1],
    [100, 10],
    [10_000, 1000],
  ])('for %i a second holds %i at most', (per_s, tokens) => {
    expect(fullBucket(per_s, 0).tokens).toBe(tokens)
    expect(refill(fullBucket(per_s, 0), per_s, 3_600_000).tokens).toBe(tokens)
  })

  it('earns in proportion to time', () => {
    const empty = { tokens: 0, refilled_at: 1000 }
    expect(refill(empty, 100, 1050).tokens).toBeCloseTo(5)
    expect(refill(empty, 4, 1125).tokens).toBeCloseTo(0.5)
  })

  it('earns nothing from a clock that goes back, and does not earn the same time twice', () => {
    const back = refill({ tokens: 0, refilled_at: 10_000 }, 10, 9_000)
    expect(back.tokens).toBe(0)
    expect(refill({ tokens: 0, refilled_at: 10_000 }, 10, 10_000).tokens).toBe(0)
  })

  it('says when the next token is there, and not later', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.double({ min: -1, max: 1, noNaN: true }), (per_s, tokens) => {
        const wait_ms = untilToken({ tokens, refilled_at: 0 }, per_s)
        expect(refill({ tokens, refilled_at: 0 }, per_s, wait_ms).tokens).toBeGreaterThan(1 - 1e-6)
        if (wait_ms > 1) {
          expect(refill({ tokens, refilled_at: 0 }, per_s, wait_ms - 1).tokens).toBeLessThan(1)
        }
      }),
    )
  })

  it('lets through what was asked for and a tenth of a second more, over any time', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.array(fc.nat(700), { minLength: 1, maxLength: 60 }),
        (per_s, pauses) => {
          let bucket = fullBucket(per_s, 0)
          let now = 0
          let taken = 0
          for (const pause_ms of pauses) {
            now += pause_ms
            bucket = refill(bucket, per_s, now)
            const free = Math.floor(bucket.tokens)
            bucket = { ...bucket, tokens: bucket.tokens - free }
            taken += free
          }
          expect(taken).toBeLessThanOrEqual((per_s * now) / 1000 + Math.max(1, per_s / 10) + 1e-6)
        },
      ),
    )
  })
})
