import { describe, expect, it } from 'vitest'
import { Refusals } from '../../src/http/refusals.ts'

const NOW = Date.UTC(2026, 0, 1)

describe('refusals', () => {
  it('are remembered until then, and no longer', () => {
    const refusals = new Refusals()
    expect(refusals.is_empty).toBe(true)
    refusals.remember('a', NOW + 1000)
    expect(refusals.is_empty).toBe(false)
    expect(refusals.isRefused('a', NOW + 999)).toBe(true)
    expect(refusals.isRefused('b', NOW)).toBe(false)
    expect(refusals.isRefused('a', NOW + 1000)).toBe(false)
    expect(refusals.is_empty).toBe(true)
  })

  it('take no more memory however many are refused', () => {
    const refusals = new Refusals()
    for (let n = 0; n < 100_000; n++) refusals.remember(`a${n}`, NOW + 1000)
    const remembered = Array.from({ length: 100_000 }, (_, n) => refusals.isRefused(`a${n}`, NOW))
    expect(remembered.filter(Boolean).length).toBeLessThanOrEqual(1000)
    expect(remembered.at(-1)).toBe(true)
  })
})
