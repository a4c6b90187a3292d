import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  abandonProbe,
  type Breaker,
  CLOSED,
  closeAfterProbe,
  recordFailure,
  recordSuccess,
  reopenAfterProbe,
  SLOW_START,
  startProbe,
} from '../../durable-objects/endpoint/breaker.ts'

const SECOND = 1000
const HOUR = 3600 * SECOND
const even = () => 0.5

/** A history: `F` for a failed attempt, `S` for one that succeeded. */
function breakerAfter(history: string, breaker: Breaker = CLOSED): Breaker {
  return [...history].reduce(
    (now, outcome) =>
      outcome === 'F' ? recordFailure(now, { now: 0, retry_after_ms: null }, even) : recordSuccess(now, 10),
    breaker,
  )
}

describe('a closed breaker', () => {
  it.each([
    ['five failures in a row', 'FFFFF'],
    ['five failures in a row after successes', 'SSSSFFFFF'],
    ['half of the last twenty', `${'FS'.repeat(9)}SF`],
    ['more than half of the last twenty', `${'FFS'.repeat(6)}FF`],
  ])('opens after %s', (_what, history) => {
    expect(breakerAfter(history.slice(0, -1)).state).toBe('closed')
    expect(breakerAfter(history).state).toBe('open')
  })

  it.each([
    ['four failures in a row', 'FFFF'],
    ['four failures in a row, again and again with a rest between', 'FFFFSSSSSSSSSSSSSSSS'.repeat(5)],
    ['nine of the last twenty', 'FSFSFSFSFSFSFSFSFSSS'],
    ['half of fewer than twenty, which says too little', 'FS'.repeat(9)],
    ['what failed longer ago than twenty attempts', `${'FFS'.repeat(3)}${'S'.repeat(17)}FFFF`],
  ])('stays closed after %s', (_what, history) => {
    expect(breakerAfter(history).state).toBe('closed')
  })

  it('opens exactly when one of its two rules says so', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (outcomes) => {
        let breaker = CLOSED
        for (const [i, failed] of outcomes.entries()) {
          breaker = breakerAfter(failed ? 'F' : 'S', breaker)
          const recent = outcomes.slice(Math.max(0, i - 19), i + 1)
          const in_a_row = outcomes.slice(Math.max(0, i - 4), i + 1)
          const should_open =
            failed &&
            ((in_a_row.length === 5 && in_a_row.every(Boolean)) ||
              (recent.length === 20 && recent.filter(Boolean).length >= 10))
          expect(breaker.state).toBe(should_open ? 'open' : 'closed')
          if (should_open) return
        }
      }),
    )
  })
})

describe('an open breaker', () => {
  const open_ms = (breaker: Breaker) => (breaker.open_until ?? Number.NaN) - 0

  it('stays open for 30 seconds at first', () => {
    expect(open_ms(breakerAfter('FFFFF'))).toBe(30 * SECOND)
  })

  it('stays open for twice as long after every probe that fails, up to an hour', () => {
    let breaker = breakerAfter('FFFFF')
    const seen = [open_ms(breaker)]
    for (let i = 0; i < 8; i++) {
      breaker = reopenAfterProbe(startProbe(breaker), { now: 0, retry_after_ms: null }, even)
      seen.push(open_ms(breaker))
    }
    expect(seen).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600].map((seconds) => seconds * SECOND))
  })

  it('still knows its limits after failing for years', () => {
    const breaker: Breaker = { ...startProbe(breakerAfter('FFFFF')), openings: 5000 }
    expect(open_ms(reopenAfterProbe(breaker, { now: 0, retry_after_ms: null }, even))).toBe(HOUR)
  })

  it.each([
    ['least', 0, 24],
    ['most', 1 - Number.EPSILON, 36],
  ])('spreads by a fifth: at %s', (_what, chance, seconds) => {
    const opened = recordFailure(breakerAfter('FFFF'), { now: 0, retry_after_ms: null }, () => chance)
    expect(open_ms(opened)).toBe(seconds * SECOND)
  })

  it.each([
    ['longer', 2 * HOUR, 2 * HOUR],
    ['shorter', SECOND, 30 * SECOND],
  ])('heeds a Retry-After that is %s than its own time only if it is longer', (_what, retry_after_ms, expected) => {
    expect(open_ms(recordFailure(breakerAfter('FFFF'), { now: 0, retry_after_ms }, even))).toBe(expected)
  })

  it('is not moved by what ends late, but remembers since when it fails', () => {
    const opened = { ...breakerAfter('FFFFF'), failing_since: null }
    expect(recordSuccess(opened, 10)).toEqual(opened)
    expect(recordFailure(opened, { now: 7, retry_after_ms: HOUR }, even)).toEqual({ ...opened, failing_since: 7 })
  })

  it('keeps the time of its first opening through the probes', () => {
    const again = reopenAfterProbe(startProbe(breakerAfter('FFFFF')), { now: HOUR, retry_after_ms: null }, even)
    expect(again.opened_at).toBe(0)
  })

  it('probes again within seconds when a probe said nothing, without counting it', () => {
    const opened = breakerAfter('FFFFF')
    const abandoned = abandonProbe(startProbe(opened), 40 * SECOND)
    expect(abandoned).toMatchObject({ state: 'open', open_until: 41 * SECOND, openings: opened.openings })
  })
})

describe('recovery', () => {
  const closed = closeAfterProbe(startProbe(breakerAfter('FFFFF')))

  it('begins with one attempt at a time and doubles with every success up to the limit', () => {
    const ramps = ['', 'S', 'SS', 'SSS', 'SSSS'].map((history) => breakerAfter(history, closed).ramp)
    expect(ramps).toEqual([1, 2, 4, 8, null])
  })

  it('is over at once for an endpoint that takes one at a time', () => {
    expect(recordSuccess(closed, 1).ramp).toBeNull()
  })

  it('has the next opening last longer until it is complete', () => {
    expect(breakerAfter('SFFFFF', closed).openings).toBe(2)
    expect(breakerAfter('SSSSFFFFF', closed).openings).toBe(1)
  })

  it('starts with a clean record: failures of before do not count', () => {
    expect(breakerAfter('FFFF', closed).state).toBe('closed')
    expect(closed).toMatchObject({ failing_since: null, opened_at: null, open_until: null, window: [] })
  })

  it('after a reset is as slow, with nothing held against the endpoint', () => {
    expect(SLOW_START).toEqual({ ...CLOSED, ramp: 1 })
  })
})

describe('the time since when an endpoint fails', () => {
  it('begins with the first failure and ends with a success', () => {
    const failing = recordFailure(CLOSED, { now: 5, retry_after_ms: null }, even)
    expect(failing.failing_since).toBe(5)
    expect(recordFailure(failing, { now: 9, retry_after_ms: null }, even).failing_since).toBe(5)
    expect(recordSuccess(failing, 10).failing_since).toBeNull()
  })
})
