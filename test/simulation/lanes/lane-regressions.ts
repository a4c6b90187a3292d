/** Runs of lanes that once broke a rule, and what they showed. Kept for ever: `lanes.test.ts` repeats them. */
import type { LaneScenario } from './lane-scenario.ts'

interface LaneRegression {
  showed: string
  /** Written out: the seed that made it makes another once `lane-scenarios.ts` changes. */
  scenario: LaneScenario
}

export const LANE_REGRESSIONS: LaneRegression[] = [
  {
    showed:
      'a message was taken a second time by a lane that held its ordering key, and was asked before the lane that knew its id',
    scenario: {
      seed: 3051,
      settings: {
        version: 1,
        url: 0,
        ordering: 'key',
        timeout_ms: 15000,
        retention_ms: 2592000000,
        enabled_at: null,
        cancel_before: null,
        layout: { lanes: 12, epoch: 1, former: [], draining: 0, lanes_max: 12 },
        rules: {
          disabled: null,
          retry_delays_ms: [1000, 5000, 20000],
          max_in_flight: 16,
          rate_limit_per_s: 100,
          disable_after_ms: 432000000,
          max_unfinished: 1000000,
        },
      },
      steps: [
        { at: 0, does: 'mood', mood: 'failing', retry_after_ms: 1000 },
        {
          at: 197,
          does: 'publish',
          who: 1,
          batch: [
            { key: 'a', is_keyed: true },
            { key: 'b', is_keyed: true },
          ],
        },
        { at: 57687, does: 'relayout', lanes: 11, pushed: true },
        {
          at: 57725,
          does: 'publish',
          who: 1,
          batch: [
            { key: 'b', is_keyed: true },
            { key: 'a', is_keyed: true },
          ],
        },
        { at: 83324, does: 'relayout', lanes: 3, pushed: false },
        { at: 124723, does: 'publish', who: 2, batch: [{ key: 'b', is_keyed: false }] },
        { at: 125015, does: 'relayout', lanes: 10, pushed: true },
        { at: 125151, does: 'publish', who: 1, batch: [{ key: null, is_keyed: false }] },
        { at: 125682, does: 'republish', who: 0, nth: 950 },
      ],
    },
  },
  {
    showed: 'a redriven delivery kept its ordering key in its home although a lane of before still held that key',
    scenario: {
      seed: 30,
      settings: {
        version: 1,
        url: 0,
        ordering: 'key',
        timeout_ms: 2000,
        retention_ms: 2592000000,
        enabled_at: null,
        cancel_before: null,
        layout: { lanes: 2, epoch: 1, former: [], draining: 0, lanes_max: 2 },
        rules: {
          disabled: null,
          retry_delays_ms: [],
          max_in_flight: 16,
          rate_limit_per_s: null,
          disable_after_ms: 432000000,
          max_unfinished: 1000000,
        },
      },
      steps: [
        { at: 0, does: 'mood', mood: 'slow', retry_after_ms: 0 },
        {
          at: 0,
          does: 'publish',
          who: 2,
          batch: [
            { key: 'b', is_keyed: false },
            { key: 'a', is_keyed: false },
          ],
        },
        {
          at: 31,
          does: 'publish',
          who: 0,
          batch: [
            { key: 'a', is_keyed: true },
            { key: 'a', is_keyed: false },
          ],
        },
        { at: 63, does: 'relayout', lanes: 4, pushed: false },
        { at: 4761, does: 'publish', who: 2, batch: [{ key: 'a', is_keyed: true }] },
        { at: 4785, does: 'publish', who: 0, batch: [{ key: 'b', is_keyed: false }] },
        { at: 6566, does: 'relayout', lanes: 1, pushed: false },
        { at: 8676, does: 'publish', who: 0, batch: [{ key: null, is_keyed: false }] },
        { at: 8747, does: 'database', fault: 'down', for_ms: 744 },
        { at: 8855, does: 'redrive_all' },
      ],
    },
  },
  {
    showed: 'a lane joined a read of the database that had begun before the change that its caller knew of',
    scenario: {
      seed: 7318,
      settings: {
        version: 1,
        url: 0,
        ordering: 'key',
        timeout_ms: 15000,
        retention_ms: 2592000000,
        enabled_at: null,
        cancel_before: null,
        layout: { lanes: 2, epoch: 1, former: [], draining: 0, lanes_max: 2 },
        rules: {
          disabled: null,
          retry_delays_ms: [],
          max_in_flight: 16,
          rate_limit_per_s: 20,
          disable_after_ms: 432000000,
          max_unfinished: 60,
        },
      },
      steps: [
        { at: 0, does: 'mood', mood: 'flapping', retry_after_ms: 0 },
        { at: 0, does: 'publish', who: 1, batch: [{ key: 'a', is_keyed: true }] },
        {
          at: 3,
          does: 'publish',
          who: 1,
          batch: [
            { key: 'a', is_keyed: false },
            { key: 'a', is_keyed: false },
          ],
        },
        { at: 7, does: 'database', fault: 'slow', for_ms: 354 },
        {
          at: 7,
          does: 'publish',
          who: 0,
          batch: [
            { key: 'a', is_keyed: false },
            { key: 'a', is_keyed: false },
          ],
        },
        { at: 45, does: 'relayout', lanes: 1, pushed: true },
        { at: 66, does: 'publish', who: 2, batch: [{ key: 'a', is_keyed: false }] },
        {
          at: 116,
          does: 'publish',
          who: 2,
          batch: [
            { key: 'a', is_keyed: true },
            { key: 'a', is_keyed: true },
          ],
        },
        {
          at: 127,
          does: 'publish',
          who: 1,
          batch: [
            { key: 'a', is_keyed: false },
            { key: 'a', is_keyed: true },
          ],
        },
        { at: 2994, does: 'publish', who: 2, batch: [{ key: 'a', is_keyed: false }] },
        { at: 3012, does: 'publish', who: 2, batch: [{ key: 'a', is_keyed: false }] },
        { at: 3030, does: 'publish', who: 0, batch: [{ key: 'a', is_keyed: true }] },
        { at: 5271, does: 'publish', who: 2, batch: [{ key: null, is_keyed: false }] },
        { at: 7794, does: 'publish', who: 1, batch: [{ key: null, is_keyed: false }] },
        { at: 7874, does: 'relayout', lanes: 2, pushed: true },
        {
          at: 7882,
          does: 'publish',
          who: 1,
          batch: [
            { key: 'a', is_keyed: false },
            { key: 'a', is_keyed: true },
          ],
        },
        {
          at: 7920,
          does: 'publish',
          who: 0,
          batch: [
            { key: 'a', is_keyed: true },
            { key: 'a', is_keyed: true },
          ],
        },
        {
          at: 7957,
          does: 'publish',
          who: 2,
          batch: [
            { key: 'a', is_keyed: false },
            { key: 'a', is_keyed: false },
          ],
        },
        { at: 8010, does: 'publish', who: 0, batch: [{ key: 'a', is_keyed: false }] },
        { at: 8074, does: 'republish', who: 0, nth: 560 },
      ],
    },
  },
  {
    showed:
      'with ordering off and on again, a lane that held the ordering key had passed a message on, and took it when it was repeated',
    scenario: {
      seed: 610506,
      settings: {
        version: 1,
        url: 0,
        ordering: 'key',
        timeout_ms: 15000,
        retention_ms: 2592000000,
        enabled_at: null,
        cancel_before: null,
        layout: { lanes: 2, epoch: 1, former: [], draining: 0, lanes_max: 2 },
        rules: {
          disabled: null,
          retry_delays_ms: [1000],
          max_in_flight: 4,
          rate_limit_per_s: null,
          disable_after_ms: 432000000,
          max_unfinished: 60,
        },
      },
      steps: [
        { at: 0, does: 'mood', mood: 'failing', retry_after_ms: 3600000 },
        {
          at: 0,
          does: 'publish',
          who: 1,
          batch: [
            { key: 'a', is_keyed: true },
            { key: 'b', is_keyed: true },
            { key: 'b', is_keyed: true },
            { key: 'b', is_keyed: true },
            { key: null, is_keyed: true },
          ],
        },
        { at: 5916, does: 'interrupt', share: 1, for_ms: 20000 },
        {
          at: 5916,
          does: 'publish',
          who: 1,
          batch: [
            { key: 'a', is_keyed: false },
            { key: 'a', is_keyed: false },
          ],
        },
        { at: 8636, does: 'publish', who: 2, batch: [{ key: null, is_keyed: false }] },
        { at: 8636, does: 'relayout', lanes: 4, pushed: true },
        { at: 8694, does: 'publish', who: 2, batch: [{ key: 'a', is_keyed: true }] },
        {
          at: 8886,
          does: 'publish',
          who: 0,
          batch: [
            { key: null, is_keyed: true },
            { key: null, is_keyed: true },
            { key: null, is_keyed: true },
          ],
        },
        { at: 16634, does: 'publish', who: 0, batch: [{ key: 'b', is_keyed: true }] },
        { at: 16634, does: 'configure', rules: { max_in_flight: 20 }, ordering: 'none', pushed: true },
        { at: 16791, does: 'configure', rules: {}, ordering: 'key', pushed: true },
        { at: 26291, does: 'publish', who: 2, batch: [{ key: null, is_keyed: true }] },
        { at: 26295, does: 'republish', who: 0, nth: 628 },
      ],
    },
  },
  {
    showed: 'a lane whose report was under way while its layout changed never reported that it had drained',
    scenario: {
      seed: 957210,
      settings: {
        version: 1,
        url: 0,
        ordering: 'key',
        timeout_ms: 15000,
        retention_ms: 2592000000,
        enabled_at: null,
        cancel_before: null,
        layout: { lanes: 4, epoch: 1, former: [], draining: 0, lanes_max: 4 },
        rules: {
          disabled: null,
          retry_delays_ms: [1000, 5000, 20000],
          max_in_flight: 4,
          rate_limit_per_s: 20,
          disable_after_ms: 432000000,
          max_unfinished: 1000000,
        },
      },
      steps: [
        { at: 0, does: 'database', fault: 'answer_lost', for_ms: 20000 },
        { at: 42, does: 'publish', who: 0, batch: [{ key: 'a', is_keyed: false }] },
        { at: 57, does: 'publish', who: 2, batch: [{ key: 'a', is_keyed: true }] },
        {
          at: 70,
          does: 'publish',
          who: 1,
          batch: [
            { key: 'c', is_keyed: true },
            { key: 'c', is_keyed: true },
            { key: 'b', is_keyed: true },
            { key: 'b', is_keyed: true },
            { key: 'a', is_keyed: true },
          ],
        },
        { at: 70, does: 'publish', who: 1, batch: [{ key: 'a', is_keyed: false }] },
        { at: 73, does: 'publish', who: 2, batch: [{ key: 'a', is_keyed: true }] },
        { at: 343, does: 'relayout', lanes: 2, pushed: true },
        { at: 463, does: 'disable', pushed: true },
        {
          at: 643,
          does: 'publish',
          who: 0,
          batch: [
            { key: 'c', is_keyed: true },
            { key: 'b', is_keyed: true },
          ],
        },
        {
          at: 722,
          does: 'publish',
          who: 1,
          batch: [
            { key: 'c', is_keyed: true },
            { key: 'b', is_keyed: false },
            { key: null, is_keyed: true },
            { key: 'c', is_keyed: true },
          ],
        },
        { at: 1117, does: 'relayout', lanes: 1, pushed: false },
      ],
    },
  },
]
