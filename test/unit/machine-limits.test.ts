import { describe, expect, it } from 'vitest'
import { FAILURE, MINUTE, SECOND, SUCCESS } from '../simulation/given.ts'
import { ModelEndpoint } from './model/endpoint.ts'

const many = (count: number) => Array<null>(count).fill(null)

describe('max_in_flight', () => {
  it.each([1, 3, 100])('lets %i attempts be under way, and the next start when one ends', (max_in_flight) => {
    const endpoint = new ModelEndpoint({ max_in_flight })
    endpoint.publish(...many(max_in_flight + 5))
    expect(endpoint.inFlight()).toHaveLength(max_in_flight)
    endpoint.finish(endpoint.inFlight()[0] ?? Number.NaN, SUCCESS)
    expect(endpoint.inFlight()).toHaveLength(max_in_flight)
    expect(endpoint.attempts).toHaveLength(max_in_flight + 1)
  })

  it('that is raised lets more start at once', () => {
    const endpoint = new ModelEndpoint({ max_in_flight: 1 })
    endpoint.publish(...many(10))
    endpoint.configure({ max_in_flight: 4 })
    expect(endpoint.inFlight()).toHaveLength(4)
  })

  it('that is lowered interrupts nothing, and lets nothing start until there is room', () => {
    const endpoint = new ModelEndpoint({ max_in_flight: 4 })
    const [first = Number.NaN, second = Number.NaN, third = Number.NaN] = endpoint.publish(...many(6))
    endpoint.configure({ max_in_flight: 2 })
    for (const delivery of [first, second]) endpoint.finish(delivery, SUCCESS)
    expect(endpoint.attempts).toHaveLength(4)
    endpoint.finish(third, SUCCESS)
    expect(endpoint.attempts).toHaveLength(5)
  })

  it('serves what is due in the order of its time', () => {
    const endpoint = new ModelEndpoint({ max_in_flight: 1 })
    const deliveries = endpoint.publish(...many(4))
    while (endpoint.inFlight().length > 0) endpoint.finishAll(SUCCESS)
    expect(endpoint.attempts.map(({ position }) => position)).toEqual(deliveries)
  })
})

describe('the rate limit', () => {
  /** Attempts in each second, when every receiver answers after a while. */
  function perSecond(rate_limit_per_s: number, answer_ms: number, seconds: number): number[] {
    const endpoint = new ModelEndpoint({ rate_limit_per_s, max_in_flight: 100 })
    const start = endpoint.now
    endpoint.publish(...many(2 * rate_limit_per_s * seconds))
    for (let passed_ms = 0; passed_ms < seconds * SECOND; passed_ms += 10) {
      endpoint.advance(10)
      for (const position of endpoint.inFlight()) {
        const begun_at = endpoint.attemptsOf(position).at(-1) ?? 0
        if (begun_at + answer_ms <= endpoint.now) endpoint.finish(position, SUCCESS)
      }
    }
    return Array.from(
      { length: seconds },
      (_, i) => endpoint.attempts.filter(({ at }) => Math.floor((at - start) / SECOND) === i).length,
    )
  }

  it.each([
    [1, 10],
    [5, 10],
    [20, 10],
    [5, 900],
    [20, 3000],
  ])('of %i a second is kept and used to the full when answers take %i ms', (rate, answer_ms) => {
    const [first = 0, ...rest] = perSecond(rate, answer_ms, 4)
    // The bucket is full at first: a tenth of a second's worth, or one attempt.
    expect(first).toBeGreaterThanOrEqual(rate)
    expect(first).toBeLessThanOrEqual(rate + Math.max(1, rate / 10))
    for (const count of rest) {
      expect(count).toBeGreaterThanOrEqual(rate - 1)
      expect(count).toBeLessThanOrEqual(rate + 1)
    }
  })

  it('goes on by the alarm when its timer was lost', () => {
    const endpoint = new ModelEndpoint({ rate_limit_per_s: 1 })
    endpoint.publish(null, null)
    endpoint.finishAll(SUCCESS)
    endpoint.loseWakes()
    endpoint.advance(MINUTE)
    expect(endpoint.attempts).toHaveLength(2)
  })

  it('that is lifted holds nothing back any more', () => {
    const endpoint = new ModelEndpoint({ rate_limit_per_s: 1 })
    endpoint.publish(null, null, null, null)
    expect(endpoint.inFlight()).toHaveLength(1)
    endpoint.configure({ rate_limit_per_s: null })
    expect(endpoint.inFlight()).toHaveLength(4)
  })
})

describe('max_unfinished', () => {
  it('refuses what is too much, and takes it when there is room again', () => {
    const endpoint = new ModelEndpoint({ max_unfinished: 3, disabled: 'manual' })
    const [, , third, fourth, fifth] = endpoint.publish(...many(5))
    expect(endpoint.refused).toEqual([fourth, fifth])
    expect(endpoint.stateOf(third ?? Number.NaN)).toBe('parked')
    endpoint.configure({ disabled: null })
    endpoint.finishAll(SUCCESS)
    const sixth = endpoint.publishOne()
    expect(endpoint.refused).not.toContain(sixth)
  })

  it('counts what waits for a retry, and not what has ended', () => {
    const endpoint = new ModelEndpoint({ max_unfinished: 2 })
    endpoint.finish(endpoint.publishOne(), FAILURE)
    for (let i = 0; i < 10; i++) endpoint.finish(endpoint.publishOne(), SUCCESS)
    expect(endpoint.refused).toEqual([])
    const [, refused] = endpoint.publish(null, null)
    expect(endpoint.refused).toEqual([refused])
  })
})
