import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { correct, type Meter, remainingAt, take } from '../../durable-objects/quota/meter.ts'
import type { Quotas } from '../../durable-objects/quota/rpc.ts'
import { monthOf } from '../../src/lib/month.ts'

const NOVEMBER = Date.UTC(2026, 10, 1)
const DECEMBER = Date.UTC(2026, 11, 1)
const MONTHLY: Quotas = { per_second: null, burst: 0, per_month: 10 }
const SECONDLY: Quotas = { per_second: 5, burst: 8, per_month: null }

/** Takes one after the other, from a meter that counted nothing yet. */
function takeAll(quotas: Quotas, calls: readonly { at: number; count: number }[]) {
  let meter: Meter | null = null
  return calls.map(({ at, count }) => {
    const next = take(meter, { count, quotas }, at)
    meter = next.meter
    return next.taken
  })
}

describe('a quota of the month', () => {
  it('grants the first so many and refuses the others', () => {
    const taken = takeAll(
      MONTHLY,
      [4, 4, 4, 1].map((count) => ({ at: NOVEMBER, count })),
    )
    expect(taken.map(({ granted }) => granted)).toEqual([4, 4, 2, 0])
    expect(taken.map(({ refused_by }) => refused_by)).toEqual([null, null, 'month', 'month'])
    expect(taken.map(({ remaining }) => remaining.month)).toEqual([6, 2, 0, 0])
  })

  it('is whole again in the first millisecond of the next month, in UTC', () => {
    const taken = takeAll(MONTHLY, [
      { at: NOVEMBER, count: 10 },
      { at: DECEMBER - 1, count: 1 },
      { at: DECEMBER, count: 1 },
    ])
    expect(taken.map(({ granted, month }) => [granted, month])).toEqual([
      [10, '2026-11'],
      [0, '2026-11'],
      [1, '2026-12'],
    ])
  })

  it('is not whole again for a clock that goes back over the end of the month', () => {
    const taken = takeAll(MONTHLY, [
      { at: DECEMBER, count: 10 },
      { at: DECEMBER - 5, count: 1 },
    ])
    expect(taken.map(({ granted, month }) => [granted, month])).toEqual([
      [10, '2026-12'],
      [0, '2026-12'],
    ])
  })

  it('counts from the beginning of a month when it has counted in the one before', () => {
    const { meter: november } = take(null, { count: 1, quotas: MONTHLY }, NOVEMBER + 1000)
    expect(november?.since).toBe(NOVEMBER + 1000)
    expect(take(november, { count: 1, quotas: MONTHLY }, DECEMBER + 1000).meter?.since).toBe(DECEMBER)
    const february = Date.UTC(2027, 1, 9)
    expect(take(november, { count: 1, quotas: MONTHLY }, february).meter?.since).toBe(february)
  })
})

describe('a quota of the second', () => {
  it('holds a burst, and earns in proportion to time', () => {
    const taken = takeAll(
      SECONDLY,
      [0, 0, 199, 200, 1000, 100_000].map((ms) => ({ at: NOVEMBER + ms, count: 10 })),
    )
    expect(taken.map(({ granted }) => granted)).toEqual([8, 0, 0, 1, 4, 8])
    expect(taken[0]?.refused_by).toBe('second')
  })

  it('earns nothing from a clock that goes back and comes again', () => {
    const at = [10_000, 0, 10_000].map((ms) => ({ at: NOVEMBER + ms, count: 10 }))
    expect(takeAll(SECONDLY, at).map(({ granted }) => granted)).toEqual([8, 0, 0])
  })

  it('goes on with its bucket in the next month', () => {
    const at = [DECEMBER - 200, DECEMBER].map((at) => ({ at, count: 10 }))
    expect(takeAll(SECONDLY, at).map(({ granted }) => granted)).toEqual([8, 1])
  })

  it('is full for a tenant that had none before', () => {
    const { meter } = take(null, { count: 3, quotas: MONTHLY }, NOVEMBER)
    expect(remainingAt(meter, SECONDLY, NOVEMBER)).toEqual({ second: 8, month: null })
  })

  it('gives way to that of the month when both keep a message', () => {
    const quotas = { per_second: 5, burst: 5, per_month: 5 }
    expect(take(null, { count: 6, quotas }, NOVEMBER).taken).toMatchObject({ granted: 5, refused_by: 'month' })
  })
})

describe('a correction', () => {
  const { meter: taken } = take(null, { count: 6, quotas: { ...SECONDLY, per_month: 10 } }, NOVEMBER)

  it('gives back what was not accepted, but no second that is over', () => {
    const meter = correct(taken, { month: '2026-11', count: -4 }, NOVEMBER)
    expect(meter).toMatchObject({ accepted: 2, unmetered: 0 })
    expect(remainingAt(meter, { ...SECONDLY, per_month: 10 }, NOVEMBER)).toEqual({ second: 2, month: 8 })
  })

  it('adds what was accepted unasked, even beyond the quota, and says how much of it there is', () => {
    const meter = correct(taken, { month: '2026-11', count: 7 }, NOVEMBER)
    expect(meter).toMatchObject({ accepted: 13, unmetered: 7 })
    expect(remainingAt(meter, MONTHLY, NOVEMBER).month).toBe(0)
  })

  it('opens the month that it is about', () => {
    expect(correct(null, { month: '2026-11', count: 2 }, NOVEMBER)).toMatchObject({ month: '2026-11', accepted: 2 })
    expect(correct(taken, { month: '2026-12', count: 2 }, DECEMBER)).toMatchObject({ month: '2026-12', accepted: 2 })
    const late = correct(null, { month: '2026-10', count: 2 }, NOVEMBER)
    expect(monthOf(late.since)).toBe('2026-10')
  })
})

describe('whatever is asked, and whenever', () => {
  const quotas = fc.record({
    per_second: fc.option(fc.integer({ min: 1, max: 50 })),
    burst: fc.integer({ min: 1, max: 80 }),
    per_month: fc.option(fc.nat(200)),
  })
  const step = fc.record({
    /** Now and then a clock goes back. */
    pause_ms: fc.oneof(fc.nat(400), fc.integer({ min: -300, max: 0 }), fc.constant(3 * 24 * 60 * 60 * 1000)),
    count: fc.nat(30),
    /** Of what was granted, what is not accepted, and how many steps later that is said. */
    not_accepted: fc.double({ min: 0, max: 1, noNaN: true }),
    said_after: fc.nat(3),
  })

  /** What was granted when, and accepted of it; and the meter in the end. */
  function play(limits: Quotas, steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[]) {
    let meter: Meter | null = null
    let now = Date.UTC(2026, 10, 20)
    const accepted: { at: number; month: string; granted: number; count: number }[] = []
    const pending: { due: number; month: string; count: number }[] = []
    for (const [i, { pause_ms, count, not_accepted, said_after }] of steps.entries()) {
      now += pause_ms
      for (const { month, count: back } of pending.filter(({ due }) => due === i)) {
        // Of a month that is over, another row is corrected.
        if (meter?.month === month) meter = correct(meter, { month, count: -back }, now)
      }
      const before: Meter | null = meter
      const next = take(meter, { count, quotas: limits }, now)
      meter = next.meter
      const { granted, month } = next.taken
      expect(granted).toBeLessThanOrEqual(count)
      expect(month >= (before?.month ?? '')).toBe(true)
      expect(meter?.counted_at ?? 0).toBeGreaterThanOrEqual(before?.counted_at ?? 0)
      const back = Math.floor(granted * not_accepted)
      // By the meter's own time, which never goes back.
      if (granted > 0) accepted.push({ at: meter?.counted_at ?? now, month, granted, count: granted - back })
      if (back > 0) pending.push({ due: i + 1 + said_after, month, count: back })
    }
    return { accepted, meter, unsaid: pending.filter(({ due }) => due >= steps.length) }
  }

  it('never more is accepted in a month than the quota, and the count is what was accepted', () => {
    fc.assert(
      fc.property(quotas, fc.array(step, { maxLength: 60 }), (limits, steps) => {
        const { accepted, meter, unsaid } = play(limits, steps)
        const byMonth = Map.groupBy(accepted, ({ month }) => month)
        for (const [month, entries] of byMonth) {
          const sum = entries.reduce((total, { count }) => total + count, 0)
          expect(sum).toBeLessThanOrEqual(limits.per_month ?? Number.POSITIVE_INFINITY)
          if (month !== meter?.month) continue
          const still = unsaid.filter((one) => one.month === month).reduce((total, { count }) => total + count, 0)
          expect(meter.accepted).toBe(sum + still)
        }
      }),
    )
  })

  it('never more is granted in any stretch of time than its seconds allow and one burst', () => {
    fc.assert(
      fc.property(quotas, fc.array(step, { maxLength: 60 }), (limits, steps) => {
        const { per_second, burst } = limits
        if (per_second === null) return
        const { accepted } = play(limits, steps)
        for (let from = 0; from < accepted.length; from++) {
          let sum = 0
          for (let to = from; to < accepted.length; to++) {
            sum += accepted[to]?.granted ?? 0
            const elapsed_ms = (accepted[to]?.at ?? 0) - (accepted[from]?.at ?? 0)
            expect(sum).toBeLessThanOrEqual((per_second * elapsed_ms) / 1000 + burst + 1e-6)
          }
        }
      }),
    )
  })

  it('more room is never granted less', () => {
    fc.assert(
      fc.property(quotas, fc.array(step, { maxLength: 20 }), fc.nat(50), fc.nat(50), (limits, steps, more, count) => {
        const { meter } = play(limits, steps)
        const now = (meter?.counted_at ?? NOVEMBER) + 1
        const wider = { ...limits, per_month: limits.per_month === null ? null : limits.per_month + more }
        const [narrow, wide] = [limits, wider].map((quotas) => take(meter, { count, quotas }, now).taken.granted)
        expect(wide).toBeGreaterThanOrEqual(narrow ?? 0)
      }),
    )
  })
})
