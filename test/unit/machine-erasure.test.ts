import { describe, expect, it } from 'vitest'
import { FAILURE, GONE, INTERRUPTED, MINUTE, SECOND, SUCCESS } from '../simulation/given.ts'
import { ModelEndpoint } from './model/endpoint.ts'

const erasedAt = (endpoint: ModelEndpoint, position: number) => endpoint.rows.at(position).erased_at

describe('erasing a delivery that has not ended', () => {
  it('cancels one that waits for a retry: it is never attempted again', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, FAILURE)
    endpoint.erase(delivery)
    expect(endpoint.stateOf(delivery)).toBe('cancelled')
    expect(erasedAt(endpoint, delivery)).toBe(endpoint.now)
    endpoint.advance(60 * MINUTE)
    expect(endpoint.attemptsOf(delivery)).toHaveLength(1)
  })

  it('cancels what is parked', () => {
    const endpoint = new ModelEndpoint({ disabled: 'manual' })
    const delivery = endpoint.publishOne()
    endpoint.erase(delivery)
    endpoint.configure({ disabled: null })
    expect(endpoint.stateOf(delivery)).toBe('cancelled')
    expect(endpoint.attempts).toEqual([])
  })

  it('lets the next of its ordering key go, without the key itself being kept', () => {
    const endpoint = new ModelEndpoint()
    const [first = 0, second = 0] = endpoint.publish('a', 'a')
    endpoint.finish(first, FAILURE)
    endpoint.erase(first)
    expect(endpoint.stateOf(second)).toBe('delivering')
    expect(endpoint.rows.at(first).order_key).toBeNull()
  })
})

describe('erasing a delivery in flight', () => {
  it('erases at once what is stored, and again what its attempt brings', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne()
    endpoint.erase(delivery)
    const { revision } = endpoint.rows.at(delivery)
    expect(erasedAt(endpoint, delivery)).toBe(endpoint.now)
    expect(endpoint.stateOf(delivery)).toBe('delivering')
    endpoint.finish(delivery, SUCCESS)
    expect(endpoint.stateOf(delivery)).toBe('succeeded')
    expect(endpoint.rows.at(delivery).revision).toBe(revision + 2)
  })

  it.each([
    ['a failure', FAILURE, [SECOND]],
    ['a failure that would be its last', FAILURE, []],
    ['an interruption', INTERRUPTED, [SECOND]],
    ['a receiver that is gone', GONE, [SECOND]],
  ])('makes %s its end, and no dead letter', (_what, outcome, retry_delays_ms) => {
    const endpoint = new ModelEndpoint({ retry_delays_ms })
    const delivery = endpoint.publishOne()
    endpoint.erase(delivery)
    endpoint.finish(delivery, outcome)
    expect(endpoint.stateOf(delivery)).toBe('cancelled')
    endpoint.configure({ disabled: null })
    endpoint.advance(60 * MINUTE)
    expect(endpoint.attemptsOf(delivery)).toHaveLength(1)
    expect(endpoint.dead_letters).toEqual([])
  })

  it('lets its outcome count for the breaker like any other', () => {
    const endpoint = new ModelEndpoint()
    for (const delivery of endpoint.publish(null, null, null, null, null)) {
      endpoint.erase(delivery)
      endpoint.finish(delivery, FAILURE)
    }
    expect(endpoint.state.breaker.state).toBe('open')
  })

  it('holds up the next of its ordering key until it has ended', () => {
    const endpoint = new ModelEndpoint()
    const [first = 0, second = 0] = endpoint.publish('a', 'a')
    endpoint.erase(first)
    expect(endpoint.stateOf(second)).toBe('pending')
    endpoint.finish(first, FAILURE)
    expect(endpoint.stateOf(second)).toBe('delivering')
  })

  it.each([null, 'a'])('is cancelled when the process ended before the attempt did (ordering key %j)', (order_key) => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne(order_key)
    endpoint.erase(delivery)
    endpoint.crash()
    endpoint.advance(2 * MINUTE)
    expect(endpoint.stateOf(delivery)).toBe('cancelled')
    expect(endpoint.attemptsOf(delivery)).toHaveLength(1)
  })
})

describe('erasing a delivery that has ended', () => {
  it('leaves it as it ended', () => {
    const endpoint = new ModelEndpoint({ retry_delays_ms: [] })
    const [succeeded = 0, dead = 0] = endpoint.publish(null, null)
    endpoint.finish(succeeded, SUCCESS)
    endpoint.finish(dead, FAILURE)
    for (const delivery of [succeeded, dead]) endpoint.erase(delivery)
    expect([succeeded, dead].map((delivery) => endpoint.stateOf(delivery))).toEqual(['succeeded', 'dead'])
    expect([succeeded, dead].map((delivery) => erasedAt(endpoint, delivery))).toEqual([endpoint.now, endpoint.now])
  })

  it('changes nothing when it is done again', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, SUCCESS)
    endpoint.erase(delivery)
    const erased_at = erasedAt(endpoint, delivery)
    endpoint.advance(MINUTE)
    endpoint.erase(delivery)
    expect(erasedAt(endpoint, delivery)).toBe(erased_at)
    expect(endpoint.stateOf(delivery)).toBe('succeeded')
  })
})

describe('what arrives after its erasure', () => {
  it('is recorded as cancelled, and never attempted', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.arriveErased()
    expect(endpoint.stateOf(delivery)).toBe('cancelled')
    expect(erasedAt(endpoint, delivery)).toBe(endpoint.now)
    expect(endpoint.attempts).toEqual([])
  })

  it('takes no room', () => {
    const endpoint = new ModelEndpoint({ max_unfinished: 1 })
    endpoint.publishOne()
    const delivery = endpoint.arriveErased()
    expect(endpoint.refused).toEqual([])
    expect(endpoint.stateOf(delivery)).toBe('cancelled')
    expect(endpoint.state.unfinished).toBe(1)
  })
})
