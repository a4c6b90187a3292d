/** What runs have reached, counted. Every name that could be reached is listed, so that a zero shows. */

import type { Effect, EndpointEvent } from '../../durable-objects/endpoint/machine.ts'
import { DELIVERY_STATES } from '../../durable-objects/endpoint/rpc.ts'
import { type Happening, MOODS } from './scenario.ts'
import { Tally } from './tally.ts'

const EVENTS: Record<EndpointEvent['kind'], 0> = {
  enqueued: 0,
  due: 0,
  finished: 0,
  woken: 0,
  alarm: 0,
  wake_refused: 0,
  configured: 0,
  released: 0,
  retry: 0,
  restart: 0,
  cancel: 0,
  erase: 0,
  unfinished: 0,
  reset_breaker: 0,
}

const EFFECTS: Record<Effect['kind'], 0> = {
  insert: 0,
  refuse: 0,
  update: 0,
  requeue: 0,
  attempt: 0,
  load_due: 0,
  load_unfinished: 0,
  release: 0,
  wake_later: 0,
  set_alarm: 0,
  set_timer: 0,
  save_condition: 0,
  dead_letter: 0,
  erase: 0,
  disable: 0,
  announce: 0,
}

const STEPS: Record<Happening['does'], 0> = {
  publish: 0,
  republish: 0,
  mood: 0,
  crash: 0,
  queue: 0,
  alarm: 0,
  database: 0,
  interrupt: 0,
  clock: 0,
  configure: 0,
  disable: 0,
  enable: 0,
  retry: 0,
  cancel: 0,
  redrive: 0,
  erase: 0,
  reset_breaker: 0,
  delete: 0,
}

const NAMES = {
  'delivery states': DELIVERY_STATES,
  'core events': Object.keys(EVENTS),
  effects: Object.keys(EFFECTS),
  'breaker transitions': [
    'closed → open',
    'open → half_open',
    'half_open → open (failed)',
    'half_open → open (abandoned)',
    'half_open → closed (succeeded)',
    'half_open → closed (by hand)',
    'open → closed (by hand)',
    'half_open → open (restarted)',
  ],
  'outcome kinds': [
    'success',
    'failure',
    'failure with Retry-After',
    'failure of ours',
    'gone',
    'interrupted',
    'unknown flight',
    'probe success',
    'probe failure',
    'probe interrupted',
    'probe gone',
    'probe failure of ours',
    'success of what was erased',
    'failure of what was erased',
    'interruption of what was erased',
  ],
  'steps taken': Object.keys(STEPS),
  'receiver moods met': MOODS,
  'faults that struck': [
    'crash: idle or between turns',
    'crash: between two effects',
    'crash: before the commit',
    'crash: after the commit, nothing left',
    'crash: attempts in flight lost',
    'answer to a caller lost',
    'retry message lost',
    'retry message duplicated',
    'retry message delayed',
    'retry message refused',
    'retry message split',
    'retry consumer failed',
    'fan-out message duplicated',
    'fan-out message delayed',
    'fan-out message refused',
    'fan-out consumer failed',
    'dead letter duplicated',
    'dead letter refused',
    'dead letter delayed',
    'alarm late',
    'alarm repeated',
    'alarm rolled back',
    'database down',
    'database slow',
    'database took effect, answer lost',
    'attempt interrupted before the receiver',
    'attempt interrupted after the receiver',
    'clock forward',
    'clock back',
    'settings not pushed',
  ],
  'publish answers': ['accepted', 'accepted by the queue', 'duplicate', 'full', 'gone', 'unavailable'],
} as const satisfies Record<string, readonly string[]>

export type Topic = keyof typeof NAMES

/** Topics whose names are known when the program is written are checked by the compiler. */
export type Fault = (typeof NAMES)['faults that struck'][number]
export type Answer = (typeof NAMES)['publish answers'][number]
export type Transition = (typeof NAMES)['breaker transitions'][number]
export type OutcomeName = (typeof NAMES)['outcome kinds'][number]

export class Coverage extends Tally<Topic> {
  constructor() {
    super(NAMES)
  }
}
