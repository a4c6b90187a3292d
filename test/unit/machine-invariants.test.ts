/**
 * Random histories: whatever happens in whatever order, the rules of delivery hold after every event
 * (model/rules-of-delivery.ts throws where one does not), and all ends well once the receiver is well.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Outcome, Rules } from '../../durable-objects/endpoint/machine.ts'
import { FAILURE, GONE, HOUR, INTERRUPTED, MINUTE, OURS, SECOND, SUCCESS } from '../simulation/given.ts'
import { ModelEndpoint } from './model/endpoint.ts'

type Step =
  | { does: 'publish'; order_keys: (string | null)[] }
  | { does: 'finish'; nth: number; outcome: Outcome }
  | { does: 'pass'; duration_ms: number }
  | { does: 'retry' | 'cancel' | 'restart'; nth: number }
  | { does: 'crash' | 'lose_wakes' | 'wake' | 'reset_breaker' }
  | { does: 'configure'; rules: Partial<Rules>; parked: 'deliver' | 'cancel' }

const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(SUCCESS) },
  { weight: 6, arbitrary: fc.constant(FAILURE) },
  { weight: 1, arbitrary: fc.constant({ ...FAILURE, retry_after_ms: 20 * MINUTE }) },
  { weight: 1, arbitrary: fc.constantFrom(GONE, OURS, INTERRUPTED) },
)

const change: fc.Arbitrary<Partial<Rules>> = fc.constantFrom(
  { disabled: 'manual' },
  { disabled: null },
  { disabled: null },
  { rate_limit_per_s: 2 },
  { rate_limit_per_s: null },
  { max_in_flight: 4 },
)

const nth = fc.nat(50)
const order_keys = fc.array(fc.constantFrom(null, null, 'a', 'b'), { minLength: 1, maxLength: 4 })
const duration_ms = fc.constantFrom(100, 5 * SECOND, 40 * SECOND, 6 * MINUTE, 2 * HOUR)

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant('publish'), order_keys }) },
  { weight: 8, arbitrary: fc.record({ does: fc.constant('finish'), nth, outcome }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant('pass'), duration_ms }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constantFrom('retry', 'cancel', 'restart'), nth }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constantFrom('crash', 'lose_wakes', 'wake', 'reset_breaker') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constant('configure'),
      rules: change,
      parked: fc.constantFrom('deliver', 'cancel'),
    }),
  },
)

function happen(endpoint: ModelEndpoint, step: Step): void {
  switch (step.does) {
    case 'publish':
      endpoint.publish(...step.order_keys)
      break
    case 'finish': {
      const position = pick(endpoint.inFlight(), step.nth)
      if (position !== undefined) endpoint.finish(position, step.outcome)
      break
    }
    case 'pass':
      endpoint.advance(step.duration_ms)
      break
    case 'retry':
    case 'cancel': {
      const idle = endpoint.rows.unfinished().filter(({ position }) => !endpoint.state.in_flight.has(position))
      // One that waits for another of its ordering key cannot be hurried.
      const row = pick(
        idle.filter(({ due_at }) => due_at !== null || step.does === 'cancel'),
        step.nth,
      )
      if (row !== undefined) endpoint[step.does](row.position)
      break
    }
    case 'restart': {
      const row = pick(endpoint.rows.finished(), step.nth)
      if (row !== undefined) endpoint.restart(row.position)
      break
    }
    case 'crash':
      endpoint.crash()
      break
    case 'lose_wakes':
      endpoint.loseWakes()
      break
    case 'wake':
    case 'reset_breaker':
      endpoint.run({ kind: step.does === 'wake' ? 'woken' : 'reset_breaker' })
      break
    case 'configure':
      endpoint.configure(step.rules, step.rules.disabled === null ? step.parked : 'deliver')
      break
  }
}

function pick<T>(items: readonly T[], nth: number): T | undefined {
  return items[nth % items.length]
}

function runHistory(max_in_flight: number, steps: readonly Step[]): ModelEndpoint {
  const endpoint = new ModelEndpoint({ max_in_flight })
  for (const step of steps) happen(endpoint, step)
  return endpoint
}

const history = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 80, size: 'max' }))

describe('whatever happens to an endpoint', () => {
  it('keeps the rules of delivery, and drains when the receiver is well', () => {
    fc.assert(
      fc.property(history, ([max_in_flight, steps]) => {
        const endpoint = runHistory(max_in_flight, steps)
        endpoint.configure({ disabled: null, rate_limit_per_s: null })
        for (let turns = 0; endpoint.rows.unfinished().length > 0; turns++) {
          expect(turns).toBeLessThan(1000)
          endpoint.finishAll(SUCCESS)
          endpoint.advance(MINUTE)
        }
        expect(endpoint.inFlight()).toEqual([])
      }),
      { numRuns: 1500 },
    )
  })

  it('comes to rest: once nothing is left to do no clock rings again', () => {
    fc.assert(
      fc.property(history, ([max_in_flight, steps]) => {
        const endpoint = runHistory(max_in_flight, steps)
        endpoint.configure({ disabled: 'manual' })
        endpoint.finishAll(SUCCESS)
        endpoint.advance(48 * HOUR)
        expect(endpoint.nextRing()).toBe(Number.POSITIVE_INFINITY)
      }),
      { numRuns: 500 },
    )
  })

  it('is told to attempt nothing by an event that it has already seen', () => {
    fc.assert(
      fc.property(history, outcome, ([max_in_flight, steps], late) => {
        const endpoint = runHistory(max_in_flight, steps)
        endpoint.ringAlarm()
        const attempts = endpoint.attempts.length
        endpoint.ringAlarm()
        endpoint.run({ kind: 'woken' })
        for (const { position } of endpoint.rows.finished()) endpoint.finish(position, late)
        expect(endpoint.attempts).toHaveLength(attempts)
      }),
      { numRuns: 500 },
    )
  })
})
