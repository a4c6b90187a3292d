/** From a seed to a scenario of lanes. Each run has only some of the faults, so that none always hides behind another. */
import { newLayout } from '../../../src/endpoints/lanes.ts'
import { DAY, HOUR, MINUTE, RULES, SECOND } from '../given.ts'
import { Random } from '../random.ts'
import { type CrashWhen, MOODS, type Mood, type RuleChange, type Settings } from '../scenario.ts'
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
  return random.chance(0.35) ? race(seed, settings, random) : mixture(seed, settings, random)
}

function mixture(seed: number, settings: Settings, random: Random): LaneScenario {
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

/**
 * Nobody is told of a new number, and the database stumbles: so publishers who have looked and such who
 * have not meet at lanes that know as little, about one or two ordering keys.
 */
function race(seed: number, drawn: Settings, random: Random): LaneScenario {
  const settings: Settings = { ...drawn, ordering: 'key' }
  const keys = KEYS.slice(0, random.between(1, 2))
  const lanes_max = random.between(2, 4)
  const steps: LaneStep[] = []
  let at = 0
  const publish = (count: number, within_ms: number) => {
    for (let i = 0; i < count; i++) {
      const who = random.between(0, PUBLISHERS - 1)
      const batch = drawBatch(random, keys).slice(0, 2)
      steps.push({
        at,
        does: 'publish',
        who,
        batch: batch.map((one) => ({ ...one, key: random.pick(['a', ...keys]) })),
      })
      at += random.between(0, within_ms)
    }
  }
  /** Somebody publishes, and so knows what the database says. */
  const look = (who: number, after_ms: number) => {
    at += after_ms + random.between(0, 60)
    steps.push({ at, does: 'publish', who, batch: [{ key: null, is_keyed: false }] })
    at += random.between(40, 100)
  }
  steps.push({ at, does: 'mood', mood: random.pick(['healthy', 'slow', 'flapping']), retry_after_ms: 0 })
  // Some go to and fro, so that an ordering key comes back to a lane that knows it.
  const numbers = [random.between(1, lanes_max), random.between(1, lanes_max)]
  const goes_to_and_fro = random.chance(0.6)
  for (let round = random.between(3, 7); round > 0; round--) {
    const number = goes_to_and_fro ? (numbers[round % 2] ?? 1) : random.between(1, lanes_max)
    const relayout = { does: 'relayout', lanes: number, pushed: random.chance(0.3) } as const
    publish(random.between(1, 3), 40)
    if (random.chance(0.4)) {
      // Who looks now goes by the new number, and the database is not there for the lanes to look too.
      steps.push({ at, ...relayout, pushed: false })
      look(0, random.pick([40, 2100]))
      steps.push({ at, does: 'database', fault: 'down', for_ms: random.between(50, 1500) })
    } else {
      if (random.chance(0.5)) {
        // Lanes begin to read because of another change, and are at it when those come who know of the number.
        steps.push({ at, does: 'configure', rules: {}, ordering: null, pushed: false })
        look(2, 2100)
        steps.push({ at, does: 'database', fault: 'slow', for_ms: random.between(20, 200) })
        steps.push({ at, does: 'publish', who: 2, batch: [{ key: null, is_keyed: false }] })
        at += random.between(500, 4000)
        look(1, 0)
      } else {
        if (random.chance(0.7)) steps.push({ at, does: 'database', fault: 'slow', for_ms: random.between(50, 1500) })
        publish(random.between(0, 2), 40)
      }
      steps.push({ at, ...relayout })
      at += random.between(0, 60)
    }
    publish(random.between(2, 6), 60)
    if (random.chance(0.3)) steps.push({ at, does: random.pick(['replay_all', 'redrive_all']) })
    if (random.chance(0.2)) steps.push({ at, does: 'republish', who: 0, nth: random.between(0, 1000) })
    at += random.pick([0, random.between(0, 3000)])
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
      const rules = random.pick<RuleChange>([
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
