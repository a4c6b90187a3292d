/** What runs of lanes have reached, counted. Every name that could be reached is listed, so that a zero shows. */
import { Tally } from '../tally.ts'
import type { LaneHappening } from './lane-scenario.ts'

const STEPS: Record<LaneHappening['does'], 0> = {
  publish: 0,
  republish: 0,
  relayout: 0,
  mood: 0,
  crash: 0,
  call: 0,
  push: 0,
  database: 0,
  queue: 0,
  interrupt: 0,
  configure: 0,
  disable: 0,
  enable: 0,
  retry: 0,
  cancel: 0,
  redrive: 0,
  redrive_all: 0,
  replay_all: 0,
  reset_breaker: 0,
}

const NAMES = {
  'steps taken': Object.keys(STEPS),
  'answers to publishers': ['accepted', 'duplicate', 'full', 'missing, queued', 'missing'],
  'answers of lanes': [
    'home: accepted',
    'home: duplicate',
    'home: full',
    'home: moved',
    'former: accepted',
    'former: duplicate',
    'former: full',
    'former: elsewhere',
    'former: moved',
    'inquiry: duplicate',
    'inquiry: elsewhere',
    'inquiry: moved',
    'none',
  ],
  'what happened to calls': ['lost', 'arrived after its caller gave up', 'made again'],
  pushes: ['heard', 'lost', 'made again'],
  layouts: ['more lanes', 'fewer lanes', 'changed while draining', 'lane marked as drained'],
  restarts: ['in its ordering key', 'without its ordering key'],
  ends: ['all lanes drained', 'all shares full'],
} as const satisfies Record<string, readonly string[]>

export type LaneTopic = keyof typeof NAMES

export class LaneCoverage extends Tally<LaneTopic> {
  constructor() {
    super(NAMES)
  }

  override count<T extends LaneTopic>(topic: T, name: (typeof NAMES)[T][number]): void {
    super.count(topic, name)
  }

  /** What a lane said when it was asked in a role. */
  answered(as: string, what: string): void {
    const names: Record<string, number> = this.counts['answers of lanes']
    const name = `${as}: ${what}`
    if (names[name] === undefined) throw new Error(`no lane may answer ${name}`)
    names[name]++
  }
}
