/** From a seed to a scenario of lanes. Each run has only some of the faults, so that none always hides behind another. */
import { newLayout } from '../../../src/endpoints/lanes.ts'
import { DAY, HOUR, MINUTE, RULES, SECOND } from '../given.ts'
import { Random } from '../random.ts'
import { type CrashWhen, MOODS, type Mood, type Settings } from '../scenario.ts'
import type { LaneHappening, LaneScenario, LaneStep } from './lane-scenario.ts'

type Kind = LaneHappening['does']

/** Of these, some meet in one lane and part in another number of lanes. */
const KEYS = ['a', 'b', 'c', 'd', 'e'] as const
const PUBLISHERS = 3

/** How often each kind of step is drawn, when the run has it at all. */
const WEIGHTS: Record<Kind, number> = {
  publish: 14,
  relayout: 6,
  republish: 3,
  mood: 3,
  crash: 2,
  call: 2,
  push: 2,
  database: 2,
  queue: 1,
  interrupt: 1,
  configure: 1,
  disable: 1,
  enable: 2,
  retry: 1,
  cancel: 1,
  redrive: 2,
  redrive_all: 1,
  replay_all: 1,
  reset_breaker: 1,
}
const KINDS = Object.keys(WEIGHTS) as Kind[]
const ALWAYS: readonly Kind[] = ['publish', 'relayout']

/** Long enough for receivers that are slow to hold deliveries while the number of lanes changes. */
const HORIZONS: [number, ...number[]] = [5 * SECOND, 20 * SECOND, 2 * MINUTE, 10 * MINUTE]

export function laneScenarioOf(seed: number): LaneScenario {
  const random = new Random(seed, 7)
  const settings = drawSettings(random)
  const kinds = KINDS.filter((kind) => ALWAYS.includes(kind) || random.chance(0.4))
  const keys = KEYS.slice(0, random.between(1, KEYS.length))
  const horizon_ms = random.pick(HORIZONS)
  const count = random.between(6, random.pick([20, 45]))
  const lanes_max = random.pick([2, 4, 4, 8, 16])
  const steps: LaneStep[] = []
  if (random.chance(0.6)) steps.push({ at: 0, ...drawMood(random) })
  for (let at = 0; steps.length < count && at < horizon_ms; ) {
    steps.push({ at, ...draw(random, kindOf(random, kinds), keys, lanes_max) })
    // Much happens close together, then nothing for a while.
    at += random.chance(0.7)
      ? random.pick([0, random.between(0, 20), random.between(0, 300)])
      : random.between(0, Math.ceil((horizon_ms / count) * 3))
  }
  return { seed, settings, steps }
}

function drawSettings(random: Random): Settings {
  const lanes = random.pick([1, 1, 2, 4, random.between(1, 16)])
  return {
    version: 1,
    url: 0,
    ordering: random.pick(['key', 'key', 'key', 'none']),
    timeout_ms: random.pick([15 * SECOND, 2 * SECOND]),
    retention_ms: 30 * DAY,
    enabled_at: null,
    cancel_before: null,
    layout: newLayout(lanes),
    rules: {
      ...RULES,
      retry_delays_ms: random.pick([[SECOND], [], [SECOND, 5 * SECOND, 20 * SECOND]]),
      max_in_flight: Math.max(lanes, random.pick([16, 20, 4])),
      rate_limit_per_s: random.pick([null, null, null, 20, 100]),
      max_unfinished: random.pick([1_000_000, 1_000_000, 1_000_000, 60]),
    },
  }
}

function kindOf(random: Random, kinds: readonly Kind[]): Kind {
  const total = kinds.reduce((sum, kind) => sum + WEIGHTS[kind], 0)
  let at = random.next() * total
  for (const kind of kinds) {
    at -= WEIGHTS[kind]
    if (at < 0) return kind
  }
  return 'publish'
}

function draw(random: Random, kind: Kind, keys: readonly string[], lanes_max: number): LaneHappening {
  const nth = random.between(0, 1000)
  const who = random.between(0, PUBLISHERS - 1)
  const share = random.pick([1, 0.5, 0.2])
  const for_ms = random.pick([random.between(100, 3000), 20 * SECOND])
  const pushed = random.chance(0.7)
  switch (kind) {
    case 'publish':
      return { does: 'publish', who, batch: drawBatch(random, keys) }
    case 'republish':
      return { does: 'republish', who, nth }
    case 'relayout':
      return { does: 'relayout', lanes: random.between(1, lanes_max), pushed }
    case 'mood':
      return drawMood(random)
    case 'crash': {
      const when = random.pick<CrashWhen>(['now', 'after_commit', { before_effect: random.between(0, 8) }])
      return { does: 'crash', lane: random.between(0, lanes_max - 1), when }
    }
    case 'call':
    case 'push':
      return { does: kind, fault: random.pick(['lost', 'slow']), share, for_ms }
    case 'database':
      return { does: 'database', fault: random.pick(['down', 'slow', 'answer_lost']), for_ms }
    case 'queue':
      return { does: 'queue', fault: random.pick(['lose', 'duplicate', 'delay', 'refuse']), share, for_ms }
    case 'interrupt':
      return { does: 'interrupt', share, for_ms }
    case 'configure': {
      const ordering = random.chance(0.4) ? random.pick<'none' | 'key'>(['none', 'key']) : null
      const rules = random.pick([
        {},
        { max_in_flight: random.pick([1, 4, 20]) },
        { rate_limit_per_s: random.pick([null, 50]) },
      ])
      return { does: 'configure', rules, ordering, pushed }
    }
    case 'enable':
      return { does: 'enable', parked: random.chance(0.7) ? 'deliver' : 'cancel', pushed }
    case 'disable':
      return { does: 'disable', pushed }
    case 'retry':
    case 'cancel':
    case 'redrive':
      return { does: kind, nth }
    case 'redrive_all':
    case 'replay_all':
    case 'reset_breaker':
      return { does: kind }
  }
}

function drawBatch(random: Random, keys: readonly string[]): { key: string | null; is_keyed: boolean }[] {
  const length = random.pick([1, 1, 2, random.between(1, 6)])
  const [ordered, known] = [random.pick([1, 0.7, 0]), random.pick([0, 0.5, 1])]
  return Array.from({ length }, () => ({
    key: random.chance(ordered) ? (keys[random.between(0, keys.length - 1)] ?? null) : null,
    is_keyed: random.chance(known),
  }))
}

function drawMood(random: Random): LaneHappening {
  const slow: [Mood, ...Mood[]] = ['healthy', 'healthy', 'slow', 'slow', 'hanging', 'failing', ...MOODS]
  return { does: 'mood', mood: random.pick(slow), retry_after_ms: random.pick([0, SECOND, MINUTE, HOUR]) }
}
