import { describe, expect, it } from 'vitest'
import { type Flight, judgeFlight, landed, STALE_AFTER_MS } from '../../../src/health/flight.ts'

const NOON = Date.UTC(2026, 10, 24, 12)
const MINUTE_MS = 60_000
const ARRIVED: Flight = landed(null, { published_at: NOON, error: null, latency_ms: 80 })

describe('the canary', () => {
  it('is well for as long as the next flight may take to begin', () => {
    expect(judgeFlight(ARRIVED, true, NOON + MINUTE_MS)).toEqual({
      status: 'ok',
      last_success_at: NOON,
      age_ms: MINUTE_MS,
      latency_ms: 80,
    })
    expect(judgeFlight(ARRIVED, true, NOON + STALE_AFTER_MS).status).toBe('ok')
  })

  it('is stale once its cron has not come for three minutes', () => {
    expect(judgeFlight(ARRIVED, true, NOON + STALE_AFTER_MS + 1).status).toBe('stale')
  })

  it('that failed still says when one last arrived, and how long that took', () => {
    const failed = landed(ARRIVED, { published_at: NOON + MINUTE_MS, error: 'not_delivered' })
    expect(judgeFlight(failed, true, NOON + 2 * MINUTE_MS)).toEqual({
      status: 'failing',
      last_success_at: NOON,
      age_ms: 2 * MINUTE_MS,
      latency_ms: 80,
    })
  })

  it('that never arrived has no success to show', () => {
    const failed = landed(null, { published_at: NOON, error: 'late' })
    expect(judgeFlight(failed, true, NOON)).toEqual({
      status: 'failing',
      last_success_at: null,
      age_ms: null,
      latency_ms: null,
    })
  })

  it('is waiting before its first flight, unknown while nobody can say, and off when it is not wanted', () => {
    expect(judgeFlight(null, true, NOON).status).toBe('waiting')
    expect(judgeFlight(undefined, true, NOON).status).toBe('unknown')
    expect(judgeFlight(ARRIVED, false, NOON).status).toBe('off')
  })

  it('has no age below nothing where two clocks disagree', () => {
    expect(judgeFlight(ARRIVED, true, NOON - 1).age_ms).toBe(0)
  })
})
