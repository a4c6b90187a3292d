/** Runs that once broke a rule, and what they showed. Kept for ever: `simulation.test.ts` repeats them. */
import { DAY, DEFAULT_SCHEDULE, HOUR, MINUTE, RULES, SECOND } from './given.ts'
import type { Scenario } from './scenario.ts'

interface Regression {
  showed: string
  /** Written out: the seed that made it makes another once `scenarios.ts` changes. */
  scenario: Scenario
}

export const REGRESSIONS: Regression[] = [
  {
    showed: 'a probe went out beyond a max_in_flight that was lowered while attempts were still out',
    scenario: {
      seed: 281,
      settings: {
        version: 1,
        url: 0,
        ordering: 'key',
        timeout_ms: 30 * SECOND,
        retention_ms: 30 * DAY,
        rules: { ...RULES, max_in_flight: 25 },
        enabled_at: null,
        cancel_before: null,
      },
      steps: [
        { at: 0, does: 'mood', url: 0, mood: 'hanging', retry_after_ms: MINUTE },
        { at: 0, does: 'publish', keys: [null, null], via: 'call' },
        { at: 1000, does: 'mood', url: 0, mood: 'failing', retry_after_ms: MINUTE },
        { at: 1000, does: 'publish', keys: [null, null, null, 'd', null], via: 'call' },
        { at: 4000, does: 'configure', rules: { max_in_flight: 2 }, url: null, ordering: null, pushed: true },
      ],
    },
  },
  {
    showed: 'probes that hung while the clock was set back ran into debt with the rate limit',
    scenario: {
      seed: 10_169,
      settings: {
        version: 1,
        url: 0,
        ordering: 'key',
        timeout_ms: 30 * SECOND,
        retention_ms: 7 * DAY,
        rules: { ...RULES, retry_delays_ms: DEFAULT_SCHEDULE, rate_limit_per_s: 50, disable_after_ms: 6 * HOUR },
        enabled_at: null,
        cancel_before: null,
      },
      steps: [
        { at: 0, does: 'mood', url: 0, mood: 'hanging', retry_after_ms: MINUTE },
        {
          at: 12_694,
          does: 'publish',
          keys: ['a', 'd', null, 'a', 'c', null, null, 'c', 'c', 'c', 'd', 'b', 'a', 'd', null, 'b', null, null, null],
          via: 'queue',
        },
        { at: 13_199, does: 'clock', by_ms: -HOUR },
      ],
    },
  },
]
