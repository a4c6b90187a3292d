import { describe, expect, it } from 'vitest'
import { decide, restingState } from '../../durable-objects/endpoint/machine.ts'
import { DAY, FAILURE, HOUR, MINUTE, RULES, SECOND, SUCCESS } from '../simulation/given.ts'
import { ModelEndpoint } from './model/endpoint.ts'

describe('a retry', () => {
  it('goes on time by its queue message', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, FAILURE)
    expect(endpoint.wakes).toEqual([{ position: delivery, rings_at: endpoint.now + 5 * SECOND }])
    endpoint.advance(5 * SECOND)
    expect(endpoint.attemptsOf(delivery)).toHaveLength(2)
  })

  it('goes at most a minute late by the alarm when its message is lost', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, FAILURE)
    endpoint.loseWakes()
    endpoint.advance(5 * SECOND + MINUTE)
    expect(endpoint.attemptsOf(delivery)).toHaveLength(2)
  })

  it('goes on time by the alarm when the queue refused its message', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, FAILURE)
    endpoint.loseWakes()
    endpoint.run({ kind: 'wake_refused', due_at: endpoint.now + 5 * SECOND })
    endpoint.advance(5 * SECOND)
    expect(endpoint.attemptsOf(delivery)).toHaveLength(2)
  })

  it('goes once, however often and whenever its message comes', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, FAILURE)
    endpoint.advance(4 * SECOND)
    endpoint.run({ kind: 'woken' })
    expect(endpoint.attemptsOf(delivery)).toHaveLength(1)
    endpoint.advance(SECOND)
    endpoint.run({ kind: 'woken' })
    endpoint.run({ kind: 'woken' })
    expect(endpoint.attemptsOf(delivery)).toHaveLength(2)
    endpoint.finish(delivery, SUCCESS)
    endpoint.run({ kind: 'woken' })
    endpoint.advance(DAY)
    expect(endpoint.attemptsOf(delivery)).toHaveLength(2)
  })

  it('whose delay is longer than a queue can hold is woken, and woken again', () => {
    const endpoint = new ModelEndpoint({ retry_delays_ms: [24 * HOUR] })
    endpoint.random = () => 1 - Number.EPSILON
    const delivery = endpoint.publishOne()
    const failed_at = endpoint.now
    endpoint.finish(delivery, FAILURE)
    endpoint.advance(2 * DAY)
    expect(endpoint.attemptsOf(delivery).at(-1)).toBe(failed_at + 28.8 * HOUR)
  })
})

describe('an attempt that ends twice', () => {
  it('counts once', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, FAILURE)
    endpoint.finish(delivery, FAILURE)
    endpoint.finish(delivery, SUCCESS)
    expect(endpoint.rows.at(delivery)).toMatchObject({ state: 'waiting', failures: 1 })
  })
})

describe('a crash in the middle of attempts', () => {
  it('has them repeated within a minute, with nothing from outside', () => {
    const endpoint = new ModelEndpoint()
    const deliveries = endpoint.publish(null, null, null)
    endpoint.crash()
    endpoint.advance(MINUTE)
    expect(endpoint.inFlight()).toEqual(deliveries)
  })

  it('uses up no retry', () => {
    const endpoint = new ModelEndpoint({ retry_delays_ms: [] })
    const delivery = endpoint.publishOne()
    for (let i = 0; i < 5; i++) {
      endpoint.crash()
      endpoint.advance(MINUTE)
    }
    endpoint.finish(delivery, SUCCESS)
    expect(endpoint.stateOf(delivery)).toBe('succeeded')
  })

  it('forgets what ended after it: the repeated attempt decides', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne()
    endpoint.crash()
    endpoint.finish(delivery, FAILURE)
    expect(endpoint.rows.at(delivery)).toMatchObject({ state: 'pending', failures: 0 })
  })

  it('during a cancelling goes on with it', () => {
    const resting = restingState(RULES, { cancel_below: 10, next_due_at: 1 })
    const { effects } = decide(
      resting,
      { kind: 'alarm', next_due_at: 1, upkeep_at: null, unflushed: false },
      { now: 5, random: () => 0.5 },
    )
    expect(effects).toContainEqual({ kind: 'load_unfinished', below: 10 })
    expect(effects).not.toContainEqual(expect.objectContaining({ kind: 'load_due' }))
  })
})

describe('the alarm', () => {
  it('is set while an attempt is under way, and not set anew for each', () => {
    const endpoint = new ModelEndpoint()
    for (let i = 0; i < 100; i++) endpoint.finish(endpoint.publishOne(), SUCCESS)
    expect(endpoint.alarm_at).toBe(endpoint.now + MINUTE)
    expect(endpoint.alarms_set).toBe(1)
  })

  it('rings once after the last work, and then no more', () => {
    const endpoint = new ModelEndpoint()
    endpoint.finish(endpoint.publishOne(), SUCCESS)
    endpoint.advance(DAY)
    expect(endpoint.alarms_rung).toBe(1)
    expect(endpoint.nextRing()).toBe(Number.POSITIVE_INFINITY)
  })

  it('may ring twice', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, FAILURE)
    endpoint.loseWakes()
    endpoint.advance(5 * SECOND)
    endpoint.ringAlarm()
    const { attempts } = endpoint
    const count = attempts.length
    endpoint.ringAlarm()
    expect(attempts).toHaveLength(count)
  })

  it.each([
    ['retention, but not more often than once a minute', { upkeep_at: 0, unflushed: false }, MINUTE],
    ['retention', { upkeep_at: 3 * HOUR, unflushed: false }, 3 * HOUR],
    ['what the read model has not seen', { upkeep_at: null, unflushed: true }, MINUTE],
    ['the earlier of the two', { upkeep_at: 3 * HOUR, unflushed: true }, MINUTE],
  ])('comes back for %s', (_what, alarm, at) => {
    const event = { kind: 'alarm', next_due_at: null, ...alarm } as const
    const { effects } = decide(restingState(RULES), event, { now: 0, random: () => 0.5 })
    expect(effects).toEqual([{ kind: 'set_alarm', at }])
  })

  it('forgets a retry that was cancelled, and with it the alarm that would ring for it', () => {
    const endpoint = new ModelEndpoint()
    const delivery = endpoint.publishOne()
    endpoint.finish(delivery, FAILURE)
    endpoint.cancel(delivery)
    endpoint.ringAlarm()
    expect(endpoint.alarm_at).toBeNull()
  })
})
