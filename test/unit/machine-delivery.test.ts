import { describe, expect, it } from 'vitest'
import { DAY, FAILURE, HOUR, INTERRUPTED, MINUTE, OURS, SECOND, SUCCESS } from '../simulation/given.ts'
import { ModelEndpoint } from './model/endpoint.ts'

/** The schedule that Standard Webhooks recommends, which is the default of an endpoint. */
const DEFAULT_DELAYS = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
]

describe('a delivery', () => {
  it('is attempted the moment it arrives', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne()
    expect(endpoint.attemptsOf(delivery)).toEqual([endpoint.now])
    expect(endpoint.stateOf(delivery)).toBe('delivering')
  })

  it('has succeeded for good after one success', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, SUCCESS)
    endpoint.advance(3 * DAY)
    expect(endpoint.stateOf(delivery)).toBe('succeeded')
    expect(endpoint.attemptsOf(delivery)).toHaveLength(1)
  })

  it('waits after a failure, and goes again when its delay is over', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, FAILURE)
    expect(endpoint.stateOf(delivery)).toBe('waiting')
    endpoint.advance(5 * SECOND - 1)
    expect(endpoint.attemptsOf(delivery)).toHaveLength(1)
    endpoint.advance(1)
    expect(endpoint.stateOf(delivery)).toBe('delivering')
    endpoint.finish(delivery, SUCCESS)
    expect(endpoint.stateOf(delivery)).toBe('succeeded')
  })

  it('uses up no retry when an attempt is cut off on our side, and goes again soon', () => {
    const endpoint = new ModelEndpoint({ retry_delays_ms: [] })
    const delivery = endpoint.publishOne()
    for (let times = 0; times < 5; times++) {
      endpoint.finish(delivery, INTERRUPTED)
      expect(endpoint.stateOf(delivery)).toBe('waiting')
      endpoint.advance(30 * SECOND)
      expect(endpoint.stateOf(delivery)).toBe('delivering')
    }
    endpoint.finish(delivery, SUCCESS)
    expect(endpoint.stateOf(delivery)).toBe('succeeded')
  })

  it('follows the schedule to its end, then dies and is a dead letter, once', () => {
    // Each failure is followed by successes of others, so that the breaker stays out of it.
    const endpoint = new ModelEndpoint({ retry_delays_ms: DEFAULT_DELAYS })
    const delivery = endpoint.publishOne()
    for (const delay_ms of DEFAULT_DELAYS) {
      const failed_at = endpoint.now
      endpoint.finish(delivery, FAILURE)
      for (const other of endpoint.publish(null, null)) endpoint.finish(other, SUCCESS)
      endpoint.advance(delay_ms)
      expect(endpoint.attemptsOf(delivery).at(-1)).toBe(failed_at + delay_ms)
      expect(endpoint.dead_letters).toEqual([])
    }
    endpoint.finish(delivery, FAILURE)
    expect(endpoint.stateOf(delivery)).toBe('dead')
    expect(endpoint.dead_letters).toEqual([delivery])
    endpoint.advance(10 * DAY)
    expect(endpoint.attemptsOf(delivery)).toHaveLength(1 + DEFAULT_DELAYS.length)
    expect(endpoint.dead_letters).toEqual([delivery])
  })

  it('is attempted once only when the schedule is empty', () => {
    const endpoint = new ModelEndpoint({ retry_delays_ms: [] })
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, FAILURE)
    expect(endpoint.stateOf(delivery)).toBe('dead')
  })

  it.each([
    ['earlier', 0, 4 * SECOND],
    ['later', 1 - Number.EPSILON, 6 * SECOND],
  ])('goes up to a fifth %s than its delay, by chance', (_what, chance, delay_ms) => {
    const endpoint = new ModelEndpoint()
    endpoint.random = () => chance
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, FAILURE)
    expect(endpoint.rows.at(delivery).due_at).toBe(endpoint.now + delay_ms)
  })

  it('uses up a retry also when its transform failed, as that would fail for ever', () => {
    const endpoint = new ModelEndpoint({ retry_delays_ms: [SECOND] })
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, OURS)
    endpoint.advance(SECOND)
    endpoint.finish(delivery, OURS)
    expect(endpoint.stateOf(delivery)).toBe('dead')
  })
})

describe('Retry-After', () => {
  it('puts the next attempt off when it is longer than the schedule says', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, { ...FAILURE, retry_after_ms: HOUR })
    endpoint.advance(HOUR - 1)
    expect(endpoint.attemptsOf(delivery)).toHaveLength(1)
    endpoint.advance(1)
    expect(endpoint.attemptsOf(delivery)).toHaveLength(2)
  })

  it('never brings it forward', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, { ...FAILURE, retry_after_ms: SECOND })
    endpoint.advance(5 * SECOND - 1)
    expect(endpoint.attemptsOf(delivery)).toHaveLength(1)
  })

  it('does not make more retries than there are', () => {
    const endpoint = new ModelEndpoint({ retry_delays_ms: [] })
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, { ...FAILURE, retry_after_ms: SECOND })
    expect(endpoint.stateOf(delivery)).toBe('dead')
  })
})

describe('a person', () => {
  it('who retries a waiting delivery has it attempted at once, within its budget', () => {
    const endpoint = new ModelEndpoint({ retry_delays_ms: [HOUR] })
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, FAILURE)
    endpoint.retry(delivery)
    expect(endpoint.attemptsOf(delivery)).toHaveLength(2)
    endpoint.finish(delivery, FAILURE)
    expect(endpoint.stateOf(delivery)).toBe('dead')
  })

  it('who redrives a dead letter gives it the whole schedule again', () => {
    const endpoint = new ModelEndpoint({ retry_delays_ms: [SECOND] })
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, FAILURE)
    endpoint.advance(SECOND)
    endpoint.finish(delivery, FAILURE)
    expect(endpoint.stateOf(delivery)).toBe('dead')
    endpoint.restart(delivery)
    endpoint.finish(delivery, FAILURE)
    expect(endpoint.stateOf(delivery)).toBe('waiting')
    endpoint.advance(SECOND)
    endpoint.finish(delivery, SUCCESS)
    expect(endpoint.stateOf(delivery)).toBe('succeeded')
  })

  it('who replays a delivery that succeeded has it attempted again', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, SUCCESS)
    endpoint.restart(delivery)
    expect(endpoint.stateOf(delivery)).toBe('delivering')
    expect(endpoint.state.unfinished).toBe(1)
  })

  it('who cancels a waiting delivery ends it', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, FAILURE)
    endpoint.cancel(delivery)
    endpoint.advance(DAY)
    expect(endpoint.stateOf(delivery)).toBe('cancelled')
    expect(endpoint.attemptsOf(delivery)).toHaveLength(1)
    expect(endpoint.dead_letters).toEqual([])
  })
})
