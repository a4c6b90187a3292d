import { describe, expect, it } from 'vitest'
import { EventBudget } from '../../../src/lib/event-budget.ts'
import { Tally } from '../../../src/lib/tally.ts'

const NOW = Date.UTC(2026, 0, 1)
const MINUTE_MS = 60_000

describe('a tally', () => {
  it('writes the first few of a minute, and then the 100th, the 1,000th and so on', () => {
    const tally = new Tally(3)
    const written = Array.from({ length: 1_000_000 }, () => tally.count('a', NOW)).filter((times) => times !== null)
    expect(written).toEqual([1, 2, 3, 100, 1000, 10_000, 100_000, 1_000_000])
  })

  it('begins again with each minute, and with each name', () => {
    const tally = new Tally(1)
    const count = (name: string, ms: number) => tally.count(name, NOW + ms)
    expect([count('a', 0), count('a', 1), count('b', 1)]).toEqual([1, null, 1])
    expect([count('a', MINUTE_MS - 1), count('a', MINUTE_MS), count('a', MINUTE_MS + 1)]).toEqual([null, 1, null])
  })

  it('remembers a bounded number of names', () => {
    const tally = new Tally(1)
    expect(Array.from({ length: 10_000 }, (_, i) => tally.count(`name-${i}`, NOW)).every((times) => times === 1)).toBe(
      true,
    )
  })
})

describe('the budget of events', () => {
  it('lets five of a name go in a minute, and says later how many did not', () => {
    const budget = new EventBudget()
    expect(Array.from({ length: 8 }, () => budget.take('a', NOW))).toEqual([0, 0, 0, 0, 0, null, null, null])
    expect(budget.take('b', NOW)).toBe(3)
    expect(budget.take('a', NOW + MINUTE_MS)).toBe(0)
  })

  it('lets twenty go in a minute, whatever their names', () => {
    const budget = new EventBudget()
    const sent = Array.from({ length: 100 }, (_, i) => budget.take(`name-${i}`, NOW)).filter(
      (unsent) => unsent !== null,
    )
    expect(sent).toHaveLength(20)
  })

  it('rests for half a minute when nothing could be sent', () => {
    const budget = new EventBudget()
    budget.pause(NOW)
    expect([budget.take('a', NOW), budget.take('a', NOW + 29_999), budget.take('a', NOW + 30_000)]).toEqual([
      null,
      null,
      2,
    ])
  })
})
