import { describe, expect, it } from 'vitest'
import { DAY, FAILURE, GONE, HOUR, MINUTE, OURS, SECOND, SUCCESS } from '../simulation/given.ts'
import { ModelEndpoint } from './model/endpoint.ts'

const PATIENT = { retry_delays_ms: Array<number>(20).fill(SECOND) }

/** Answers every attempt with a failure for this long. */
function failFor(endpoint: ModelEndpoint, duration_ms: number): void {
  const end = endpoint.now + duration_ms
  while (endpoint.now < end && endpoint.state.rules.disabled === null) {
    endpoint.finishAll(FAILURE)
    endpoint.advance(10 * MINUTE)
    if (endpoint.rows.unfinished().length < 5) endpoint.publishOne()
  }
}

describe('410 Gone', () => {
  it('disables the endpoint and keeps the delivery, with the retries it had', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, GONE)
    expect(endpoint.announced).toEqual(['disabled: gone'])
    expect(endpoint.stateOf(delivery)).toBe('parked')
    endpoint.advance(30 * DAY)
    expect(endpoint.attempts).toHaveLength(1)
    endpoint.configure({ disabled: null })
    expect(endpoint.attemptsOf(delivery)).toHaveLength(2)
    expect(endpoint.rows.at(delivery).failures).toBe(0)
  })

  it('is announced once, however many attempts it answers', () => {
    const endpoint = new ModelEndpoint()
    endpoint.publish(null, null, null)
    endpoint.finishAll(GONE)
    expect(endpoint.announced).toEqual(['disabled: gone'])
  })

  it('as the answer to the probe disables too', () => {
    const endpoint = new ModelEndpoint()
    endpoint.publish(null, null, null, null, null)
    endpoint.finishAll(FAILURE)
    endpoint.advance(30 * SECOND)
    endpoint.finishAll(GONE)
    endpoint.advance(DAY)
    expect(endpoint.announced).toEqual(['breaker_opened', 'disabled: gone'])
    expect(endpoint.inFlight()).toEqual([])
  })
})

describe('an endpoint that fails without one success', () => {
  it('is disabled after five days', () => {
    const endpoint = new ModelEndpoint(PATIENT)
    endpoint.publishOne()
    failFor(endpoint, 5 * DAY - 2 * HOUR)
    expect(endpoint.announced).not.toContain('disabled: failing')
    failFor(endpoint, 5 * HOUR)
    expect(endpoint.announced).toContain('disabled: failing')
  })

  it('is disabled after the time that its tenant chose', () => {
    const endpoint = new ModelEndpoint({ ...PATIENT, disable_after_ms: DAY })
    endpoint.publishOne()
    failFor(endpoint, 2 * DAY)
    expect(endpoint.announced).toContain('disabled: failing')
  })

  it('has its days counted anew after a success', () => {
    const endpoint = new ModelEndpoint(PATIENT)
    endpoint.publishOne()
    failFor(endpoint, 4 * DAY)
    while (endpoint.inFlight().length === 0) endpoint.advance(MINUTE)
    endpoint.finishAll(SUCCESS)
    failFor(endpoint, 4 * DAY)
    expect(endpoint.announced).not.toContain('disabled: failing')
  })

  it('keeps counting through a crash', () => {
    const endpoint = new ModelEndpoint(PATIENT)
    endpoint.publishOne()
    failFor(endpoint, 4 * DAY)
    endpoint.crash()
    failFor(endpoint, DAY + 2 * HOUR)
    expect(endpoint.announced).toContain('disabled: failing')
  })

  it('is not disabled by an attempt that never reached it', () => {
    const endpoint = new ModelEndpoint({ ...PATIENT, retry_delays_ms: [] })
    endpoint.finish(endpoint.publishOne(), FAILURE)
    endpoint.advance(6 * DAY)
    endpoint.finish(endpoint.publishOne(), OURS)
    expect(endpoint.announced).toEqual([])
  })
})

describe('a disabled endpoint', () => {
  it('parks what is new rather than drop it', () => {
    const endpoint = new ModelEndpoint({ disabled: 'manual' })
    const deliveries = endpoint.publish(null, null, 'a')
    endpoint.advance(DAY)
    expect(endpoint.attempts).toEqual([])
    for (const delivery of deliveries) expect(endpoint.stateOf(delivery)).toBe('parked')
  })

  it('has no alarm while it waits', () => {
    const endpoint = new ModelEndpoint({ disabled: 'manual' })
    endpoint.publish(null, null)
    endpoint.advance(DAY)
    expect(endpoint.alarm_at).toBeNull()
    expect(endpoint.alarms_rung).toBeLessThanOrEqual(1)
  })

  it('starts slowly when it is enabled, and delivers all that was parked', () => {
    const endpoint = new ModelEndpoint({ disabled: 'manual' })
    const deliveries = endpoint.publish(...Array<null>(20).fill(null))
    endpoint.configure({ disabled: null })
    expect(endpoint.inFlight()).toEqual([deliveries[0]])
    endpoint.finishAll(SUCCESS)
    expect(endpoint.inFlight()).toHaveLength(2)
    while (endpoint.inFlight().length > 0) endpoint.finishAll(SUCCESS)
    expect(endpoint.rows.finished()).toHaveLength(20)
  })

  it('cancels all that was parked when it is enabled so, and delivers what comes after', () => {
    const endpoint = new ModelEndpoint({ disabled: 'manual' })
    const parked = endpoint.publish(null, 'a', 'a', 'b', null, null, null, 'a', null)
    endpoint.configure({ disabled: null }, 'cancel')
    for (const delivery of parked) expect(endpoint.stateOf(delivery)).toBe('cancelled')
    expect(endpoint.attempts).toEqual([])
    expect(endpoint.state.unfinished).toBe(0)
    const delivery = endpoint.publishOne('a')
    expect(endpoint.stateOf(delivery)).toBe('delivering')
  })

  it('forgets that it had failed for days when it is enabled', () => {
    const endpoint = new ModelEndpoint(PATIENT)
    endpoint.publishOne()
    failFor(endpoint, 6 * DAY)
    endpoint.configure({ disabled: null })
    endpoint.finishAll(FAILURE)
    expect(endpoint.state.rules.disabled).toBeNull()
  })

  it('takes the answers of attempts that were under way', () => {
    const endpoint = new ModelEndpoint()
    const [first = Number.NaN, second = Number.NaN] = endpoint.publish(null, null)
    endpoint.configure({ disabled: 'manual' })
    endpoint.finish(first, SUCCESS)
    endpoint.finish(second, FAILURE)
    expect(endpoint.stateOf(first)).toBe('succeeded')
    expect(endpoint.stateOf(second)).toBe('parked')
  })
})
