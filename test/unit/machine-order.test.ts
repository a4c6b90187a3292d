import { describe, expect, it } from 'vitest'
import { FAILURE, GONE, SECOND, SUCCESS } from '../simulation/given.ts'
import { ModelEndpoint } from './model/endpoint.ts'

/** The deliveries in the order of their first attempts. */
function firstAttempts(endpoint: ModelEndpoint): number[] {
  return [...new Set(endpoint.attempts.map(({ position }) => position))]
}

describe('deliveries of one ordering key', () => {
  it('go one after the other, in the order in which they arrived', () => {
    const endpoint = new ModelEndpoint()
    const deliveries = [...endpoint.publish('a', 'a'), endpoint.publishOne('a')]
    for (const delivery of deliveries) {
      expect(endpoint.inFlight()).toEqual([delivery])
      endpoint.finish(delivery, SUCCESS)
    }
    expect(firstAttempts(endpoint)).toEqual(deliveries)
  })

  it('wait while the first is being retried', () => {
    const endpoint = new ModelEndpoint()
    const [first = Number.NaN, second = Number.NaN] = endpoint.publish('a', 'a')
    endpoint.finish(first, FAILURE)
    endpoint.advance(4 * SECOND)
    expect(endpoint.attemptsOf(second)).toEqual([])
    endpoint.advance(SECOND)
    expect(endpoint.inFlight()).toEqual([first])
    endpoint.finish(first, SUCCESS)
    expect(endpoint.inFlight()).toEqual([second])
  })

  it('do not hold up those of another key, or of none', () => {
    const endpoint = new ModelEndpoint()
    const [first, , other, free] = endpoint.publish('a', 'a', 'b', null)
    expect(endpoint.inFlight()).toEqual([first, other, free])
  })

  it.each([
    ['succeeds', (endpoint: ModelEndpoint, first: number) => endpoint.finish(first, SUCCESS)],
    ['dies', (endpoint: ModelEndpoint, first: number) => endpoint.finish(first, FAILURE)],
    [
      'is cancelled',
      (endpoint: ModelEndpoint, first: number) => {
        endpoint.configure({ retry_delays_ms: [SECOND] })
        endpoint.finish(first, FAILURE)
        endpoint.cancel(first)
      },
    ],
  ])('go on when the first %s', (_how, end) => {
    const endpoint = new ModelEndpoint({ retry_delays_ms: [] })
    const [first = Number.NaN, second] = endpoint.publish('a', 'a')
    end(endpoint, first)
    expect(endpoint.inFlight()).toEqual([second])
  })

  it('go on past one in the middle that was cancelled', () => {
    const endpoint = new ModelEndpoint()
    const [first = Number.NaN, second = Number.NaN, third] = endpoint.publish('a', 'a', 'a')
    endpoint.cancel(second)
    expect(endpoint.inFlight()).toEqual([first])
    endpoint.finish(first, SUCCESS)
    expect(endpoint.inFlight()).toEqual([third])
  })

  it('let one that is replayed go to the end', () => {
    const endpoint = new ModelEndpoint()
    const [first = Number.NaN, second = Number.NaN, third = Number.NaN] = endpoint.publish('a', 'a', 'a')
    endpoint.finish(first, SUCCESS)
    endpoint.restart(first)
    endpoint.finish(second, SUCCESS)
    expect(endpoint.inFlight()).toEqual([third])
    endpoint.finish(third, SUCCESS)
    expect(endpoint.inFlight()).toEqual([first])
  })

  it('keep their order when they were parked', () => {
    const endpoint = new ModelEndpoint()
    const [first = Number.NaN] = endpoint.publish('a', 'a', 'a')
    endpoint.finish(first, GONE)
    endpoint.publish('a', 'a')
    endpoint.configure({ disabled: null })
    while (endpoint.inFlight().length > 0) endpoint.finishAll(SUCCESS)
    expect(firstAttempts(endpoint)).toEqual([1, 2, 3, 4, 5])
  })

  it('keep their order through a crash in the middle of an attempt', () => {
    const endpoint = new ModelEndpoint()
    const deliveries = endpoint.publish('a', 'a')
    endpoint.crash()
    endpoint.publish('a')
    endpoint.advance(61 * SECOND)
    expect(endpoint.inFlight()).toEqual([deliveries[0]])
  })
})
