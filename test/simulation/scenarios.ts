/** From a seed to a scenario. Each run has only some of the faults, so that none always hides behind another. */
import type { Ordering } from '../../durable-objects/endpoint/rpc.ts'
import { DAY, DEFAULT_SCHEDULE, HOUR, MINUTE, RULES, SECOND } from './given.ts'
import { Random } from './random.ts'
import {
  type CrashWhen,
  type Happening,
  MOODS,
  type Mood,
  type RuleChange,
  type Scenario,
  type Settings,
  type Step,
} from './scenario.ts'

type Kind = Happening['does']

const KEYS = ['a', 'b', 'c', 'd'] as const
const SCHEDULES: [number[], ...number[][]] = [
  [SECOND, 5 * SECOND],
  [],
  [SECOND],
  [24 * HOUR],
  [5 * SECOND, 5 * MINUTE, 30 * MINUTE],
  [SECOND, SECOND, SECOND, SECOND, SECOND, SECOND],
  DEFAULT_SCHEDULE,
]

/** How often each kind of step is drawn, when the run has it at all. */
const WEIGHTS: Record<Kind, number> = {
  publish: 10,
  mood: 4,
  crash: 3,
  queue: 2,
  republish: 2,
  alarm: 1,
  database: 2,
  interrupt: 1,
  clock: 1,
  configure: 2,
  disable: 1,
  enable: 2,
  retry: 2,
  cancel: 2,
  redrive: 2,
  erase: 2,
  reset_breaker: 1,
  delete: 0,
}
const KINDS = Object.keys(WEIGHTS) as Kind[]

export function scenarioOf(seed: number): Scenario {
  const random = new Random(seed)
  const settings = drawSettings(random)
  return random.chance(0.15) ? siege(seed, settings, random) : mixture(seed, settings, random)
}

function mixture(seed: number, settings: Settings, random: Random): Scenario {
  const horizon_ms = random.pick([2 * MINUTE, 2 * MINUTE, 20 * MINUTE, 20 * MINUTE, 4 * HOUR, DAY, 9 * DAY])
  const kinds = KINDS.filter((kind) => kind === 'publish' || random.chance(0.55))
  const count = random.pick([random.between(5, 30), random.between(20, 70)])
  const rush = random.pick([0.75, 0.3])
  const steps: Step[] = []
  let at = random.between(0, 100)
  for (let i = 0; i < count && at < horizon_ms; i++) {
    steps.push({ at, ...draw(random, kindOf(random, kinds)) })
    // Much happens close together, then nothing for long.
    at += random.chance(rush)
      ? random.pick([0, random.between(0, 20), random.between(0, 2000), random.between(0, 30_000)])
      : random.between(0, Math.ceil((horizon_ms / count) * 3))
  }
  if (random.chance(0.03)) steps.push({ at, does: 'delete' }, { at: at + 5, ...draw(random, 'publish') })
  return { seed, settings, steps }
}

/**
 * A receiver that is ill from the beginning, so that what follows finds attempts hanging, the breaker
 * open or a probe out: moments that are too short to be hit by chance.
 */
function siege(seed: number, drawn: Settings, random: Random): Scenario {
  const settings = { ...drawn, timeout_ms: random.pick([30 * SECOND, drawn.timeout_ms]) }
  const moods: [Mood, ...Mood[]] = ['hanging', 'failing', 'refusing', 'busy', 'untransformable']
  const kinds: Kind[] = ['publish', 'mood', 'crash', 'configure', 'enable', 'reset_breaker', 'retry', 'clock']
  const steps: Step[] = []
  const wave = (at: number, mood: Mood) => {
    const keys = Array.from({ length: random.between(3, 12) }, () => (random.chance(0.2) ? random.pick(KEYS) : null))
    steps.push({ at, does: 'mood', url: 0, mood, retry_after_ms: MINUTE }, { at, does: 'publish', keys, via: 'call' })
  }
  wave(0, 'hanging')
  if (random.chance(0.7)) wave(SECOND, random.pick(moods))
  if (random.chance(0.5)) steps.push({ at: 3 * SECOND, does: 'mood', url: 0, mood: 'hanging', retry_after_ms: 0 })
  // The limit falls under what is in flight.
  if (random.chance(0.5)) steps.push({ at: 4 * SECOND, ...lowering(random) })
  // Not drawn: the moment is too short to be hit by chance.
  if (seed % 4 === 0) steps.push(...erasuresInFlight(seed, steps))
  const count = random.between(3, 15)
  let at = Math.max(4 * SECOND, steps.at(-1)?.at ?? 0)
  for (let i = 0; i < count; i++) {
    at += random.between(0, random.pick([SECOND, 15 * SECOND]))
    steps.push({ at, ...draw(random, kindOf(random, kinds)) })
  }
  return { seed, settings, steps }
}

/** Of what hangs, or of what a receiver that is gone is just being asked. */
function erasuresInFlight(seed: number, steps: readonly Step[]): Step[] {
  const at = 4 * SECOND
  const erase = (nth: number, after_ms: number): Step => ({ at: at + after_ms, does: 'erase', nth })
  if (seed % 8 === 0) return [erase(0, 0), erase(1, 0), erase(2, 0)]
  const published = steps.reduce((count, step) => count + (step.does === 'publish' ? step.keys.length : 0), 0)
  return [
    { at, does: 'mood', url: 0, mood: 'gone', retry_after_ms: 0 },
    { at, does: 'publish', keys: [null, 'a', null], via: 'call' },
    ...[0, 1, 2].map((n) => erase(published + n, 20 + (seed % 60))),
  ]
}

function lowering(random: Random): Happening {
  const rules = { max_in_flight: random.between(1, 2) }
  return { does: 'configure', rules, url: null, ordering: null, pushed: true }
}

function drawSettings(random: Random): Settings {
  return {
    version: 1,
    url: 0,
    ordering: random.pick(['none', 'key', 'key', 'fifo']),
    timeout_ms: random.pick([15 * SECOND, SECOND, 30 * SECOND]),
    retention_ms: random.pick([30 * DAY, 7 * DAY, DAY]),
    enabled_at: null,
    cancel_before: null,
    rules: {
      ...RULES,
      retry_delays_ms: random.pick(SCHEDULES),
      max_in_flight: random.pick([10, 1, 2, 4, 25]),
      rate_limit_per_s: random.pick([null, null, null, 1, 5, 50]),
      disable_after_ms: random.pick([5 * DAY, 6 * HOUR, 10 * MINUTE]),
      max_unfinished: random.pick([1_000_000, 1_000_000, 1_000_000, 8, 30]),
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

function draw(random: Random, kind: Kind): Happening {
  const nth = random.between(0, 1000)
  const share = random.pick([1, 0.5, 0.2])
  const for_ms = random.pick([random.between(100, 5000), MINUTE, 10 * MINUTE])
  const pushed = random.chance(0.7)
  switch (kind) {
    case 'publish':
      return { does: 'publish', keys: drawKeys(random), via: random.chance(0.85) ? 'call' : 'queue' }
    case 'mood':
      return {
        does: 'mood',
        url: random.chance(0.8) ? 0 : 1,
        mood: random.chance(0.3) ? 'healthy' : random.pick(MOODS),
        retry_after_ms: random.pick([0, SECOND, MINUTE, 20 * MINUTE, HOUR, DAY]),
      }
    case 'crash':
      return {
        does: 'crash',
        when: random.pick<CrashWhen>(['now', 'after_commit', { before_effect: random.between(0, 12) }]),
      }
    case 'queue':
      return { does: 'queue', fault: random.pick(['lose', 'duplicate', 'delay', 'refuse']), share, for_ms }
    case 'alarm':
      return {
        does: 'alarm',
        fault: random.pick(['late', 'repeated']),
        by_ms: random.pick([0, SECOND, MINUTE]),
        for_ms,
      }
    case 'database':
      return { does: 'database', fault: random.pick(['down', 'slow', 'answer_lost']), for_ms }
    case 'interrupt':
      return { does: 'interrupt', share, for_ms }
    case 'clock':
      return { does: 'clock', by_ms: random.pick([-HOUR, -MINUTE, -50, 50, MINUTE, HOUR, 3 * HOUR]) }
    case 'configure': {
      const url = random.chance(0.2) ? random.between(0, 1) : null
      const ordering = random.chance(0.2) ? random.pick<Ordering>(['none', 'key', 'fifo']) : null
      return { does: 'configure', rules: drawRules(random), url, ordering, pushed }
    }
    case 'enable':
      return { does: 'enable', parked: random.chance(0.6) ? 'deliver' : 'cancel', pushed }
    case 'disable':
      return { does: 'disable', pushed }
    case 'republish':
    case 'retry':
    case 'cancel':
    case 'redrive':
    case 'erase':
      return { does: kind, nth }
    case 'reset_breaker':
    case 'delete':
      return { does: kind }
  }
}

function drawKeys(random: Random): (string | null)[] {
  const length = random.pick([1, 1, 2, random.between(1, 8), random.between(1, 30)])
  const share = random.pick([0, 0.7, 1])
  return Array.from({ length }, () => (random.chance(share) ? random.pick(KEYS) : null))
}

/** Nothing at all is a change too: the rotation of a secret. */
function drawRules(random: Random): RuleChange {
  return random.pick<RuleChange>([
    {},
    { retry_delays_ms: random.pick(SCHEDULES) },
    { max_in_flight: random.pick([1, 2, 10, 25]) },
    { rate_limit_per_s: random.pick([null, 1, 5, 50]) },
    { disable_after_ms: random.pick([MINUTE, 6 * HOUR]) },
    { max_unfinished: random.pick([5, 1_000_000]) },
  ])
}
