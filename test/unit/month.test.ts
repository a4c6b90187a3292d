import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { endOf, monthOf, monthsBefore, startOf } from '../../src/lib/month.ts'

describe('a calendar month', () => {
  it.each([
    ['2026-11-24T14:20:00.000Z', '2026-11'],
    ['2026-11-30T23:59:59.999Z', '2026-11'],
    ['2026-12-01T00:00:00.000Z', '2026-12'],
    ['2028-02-29T12:00:00.000Z', '2028-02'],
  ])('of %s is %s', (time, month) => {
    expect(monthOf(Date.parse(time))).toBe(month)
  })

  it.each([
    ['2026-11', 0, '2026-11'],
    ['2026-11', 11, '2025-12'],
    ['2026-01', 1, '2025-12'],
    ['2026-11', 36, '2023-11'],
  ])('%s less %i months is %s', (month, count, before) => {
    expect(monthsBefore(month, count)).toBe(before)
  })

  it('ends where the next one begins', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Date.UTC(2100, 0, 1) }), (now) => {
        const month = monthOf(now)
        expect(startOf(month)).toBeLessThanOrEqual(now)
        expect(endOf(month)).toBeGreaterThan(now)
        expect(monthOf(endOf(month) - 1)).toBe(month)
        expect(monthsBefore(monthOf(endOf(month)), 1)).toBe(month)
      }),
    )
  })
})
