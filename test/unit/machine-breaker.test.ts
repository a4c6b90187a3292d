import { describe, expect, it } from 'vitest'
import { concurrency } from '../../durable-objects/endpoint/machine.ts'
import { DAY, FAILURE, HOUR, MINUTE, OURS, SECOND, SUCCESS } from '../simulation/given.ts'
import { ModelEndpoint } from './model/endpoint.ts'

/** An endpoint whose breaker has just opened: five attempts in a row have failed. */
function broken(rules: ConstructorParameters<typeof ModelEndpoint>[0] = {}): ModelEndpoint {
  const endpoint = new ModelEndpoint(rules)
  endpoint.publish(null, null, null, null, null)
  endpoint.finishAll(FAILURE)
  return endpoint
}

describe('while the breaker is open', () => {
  it('attempts nothing, neither what was waiting nor what is new', () => {
    const endpoint = broken()
    const delivery = endpoint.publishOne()
    endpoint.advance(30 * SECOND - 1)
    expect(endpoint.attempts).toHaveLength(5)
    expect(endpoint.stateOf(delivery)).toBe('parked')
    expect(endpoint.announced).toEqual(['breaker_opened'])
  })

  it('uses up no retry, however long it lasts', () => {
    const endpoint = broken({ retry_delays_ms: [SECOND, SECOND, SECOND] })
    const delivery = endpoint.publishOne()
    const probing = () => endpoint.inFlight()[0] ?? Number.NaN
    for (let probes = 0; probes < 12; probes++) {
      endpoint.advance(2 * HOUR)
      if (probing() !== delivery) endpoint.finish(probing(), FAILURE)
    }
    expect(endpoint.rows.at(delivery).failures).toBe(0)
    expect(endpoint.dead_letters).not.toContain(delivery)
  })

  it('lets a late answer to an earlier attempt decide nothing', () => {
    const endpoint = new ModelEndpoint()
    const [late = Number.NaN, ...others] = endpoint.publish(null, null, null, null, null, null)
    for (const other of others) endpoint.finish(other, FAILURE)
    endpoint.finish(late, SUCCESS)
    expect(endpoint.state.breaker.state).toBe('open')
    expect(endpoint.stateOf(late)).toBe('succeeded')
    expect(endpoint.inFlight()).toEqual([])
  })

  it('is not opened by attempts that never reached the receiver', () => {
    const endpoint = new ModelEndpoint({ retry_delays_ms: [] })
    for (let i = 0; i < 30; i++) endpoint.finish(endpoint.publishOne(), OURS)
    expect(endpoint.state.breaker.state).toBe('closed')
  })
})

describe('the probe', () => {
  it('is one attempt, of the oldest due delivery, when the time is over', () => {
    const endpoint = broken({ retry_delays_ms: [SECOND] })
    endpoint.advance(2 * SECOND)
    endpoint.publish(null, null, null)
    endpoint.advance(28 * SECOND)
    expect(endpoint.inFlight()).toEqual([1])
    endpoint.publish(null, null)
    endpoint.run({ kind: 'woken' })
    endpoint.ringAlarm()
    endpoint.advance(25 * SECOND)
    expect(endpoint.inFlight()).toEqual([1])
  })

  it('goes by the alarm alone, without a queue message', () => {
    const endpoint = broken()
    endpoint.loseWakes()
    endpoint.advance(30 * SECOND)
    expect(endpoint.inFlight()).toHaveLength(1)
  })

  it('does not keep the alarm ringing while it is out', () => {
    const endpoint = broken({ retry_delays_ms: [SECOND] })
    endpoint.publish(null, null, null)
    endpoint.advance(30 * SECOND)
    const rung = endpoint.alarms_rung
    endpoint.advance(29 * SECOND)
    expect(endpoint.alarms_rung - rung).toBeLessThanOrEqual(1)
  })

  it('that fails keeps the breaker open for twice as long, up to an hour', () => {
    const endpoint = broken({ retry_delays_ms: Array<number>(20).fill(SECOND) })
    const gaps: number[] = []
    for (let probes = 0; probes < 10; probes++) {
      const failed_at = endpoint.now
      while (endpoint.inFlight().length === 0) endpoint.advance(SECOND)
      gaps.push(endpoint.now - failed_at)
      endpoint.finishAll(FAILURE)
    }
    expect(gaps).toEqual([0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60].map((minutes) => minutes * MINUTE))
    expect(endpoint.announced).toEqual(['breaker_opened'])
  })

  it('waits until the receiver said it would be back', () => {
    const endpoint = new ModelEndpoint()
    endpoint.publish(null, null, null, null, null)
    endpoint.finishAll({ ...FAILURE, retry_after_ms: 2 * HOUR })
    endpoint.advance(2 * HOUR - 1)
    expect(endpoint.attempts).toHaveLength(5)
    endpoint.advance(1)
    expect(endpoint.attempts).toHaveLength(6)
  })

  it('that never reached the receiver is followed by another soon', () => {
    const endpoint = broken()
    endpoint.advance(30 * SECOND)
    endpoint.finishAll(OURS)
    expect(endpoint.state.breaker.state).toBe('open')
    endpoint.advance(SECOND)
    expect(endpoint.inFlight()).toHaveLength(1)
    expect(endpoint.state.breaker.openings).toBe(1)
  })

  it('that was cut off by a crash is sent again', () => {
    const endpoint = broken()
    endpoint.advance(30 * SECOND)
    const [probe] = endpoint.inFlight()
    endpoint.crash()
    endpoint.advance(MINUTE)
    expect(endpoint.inFlight()).toEqual([probe])
    expect(endpoint.state.breaker.state).toBe('half_open')
  })

  it('of before a reset does not decide about the breaker that was reset', () => {
    const endpoint = broken()
    endpoint.advance(30 * SECOND)
    endpoint.run({ kind: 'reset_breaker' })
    endpoint.finishAll(OURS)
    expect(endpoint.state.breaker.state).toBe('closed')
  })
})

describe('after a probe that succeeded', () => {
  it('climbs 1, 2, 4, … back to the limit', () => {
    const endpoint = broken({ max_in_flight: 10, retry_delays_ms: [SECOND] })
    for (let i = 0; i < 50; i++) endpoint.publishOne()
    endpoint.advance(30 * SECOND)
    const seen = [endpoint.inFlight().length]
    for (let i = 0; i < 5; i++) {
      endpoint.finish(endpoint.inFlight()[0] ?? Number.NaN, SUCCESS)
      seen.push(concurrency(endpoint.state))
    }
    expect(seen).toEqual([1, 1, 2, 4, 8, 10])
    expect(endpoint.inFlight()).toHaveLength(10)
    expect(endpoint.announced).toEqual(['breaker_opened', 'breaker_closed'])
  })

  it('stays open for longer when it opens again before it has fully recovered', () => {
    const endpoint = broken({ retry_delays_ms: Array<number>(20).fill(SECOND) })
    endpoint.advance(30 * SECOND)
    endpoint.finishAll(SUCCESS)
    while (endpoint.state.breaker.state === 'closed') {
      endpoint.finishAll(FAILURE)
      endpoint.advance(SECOND)
    }
    expect(endpoint.state.breaker.openings).toBe(2)
  })

  it('drains everything that was parked, each with the retries it had', () => {
    const endpoint = broken({ retry_delays_ms: [SECOND] })
    for (let i = 0; i < 30; i++) endpoint.publishOne()
    endpoint.advance(DAY)
    while (endpoint.rows.unfinished().length > 0) {
      endpoint.finishAll(SUCCESS)
      endpoint.advance(0)
    }
    expect(endpoint.rows.finished().map(({ state }) => state)).toEqual(Array(35).fill('succeeded'))
  })
})

describe('a reset of the breaker', () => {
  it('lets traffic return at once, one attempt at a time', () => {
    const endpoint = broken({ retry_delays_ms: [SECOND] })
    endpoint.publish(null, null, null)
    endpoint.run({ kind: 'reset_breaker' })
    expect(endpoint.state.breaker.state).toBe('closed')
    expect(endpoint.inFlight()).toHaveLength(1)
  })
})
