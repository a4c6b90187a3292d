/** A run as data: the endpoint's first settings, and what happens to it when. A seed makes one; shrinking drops steps. */
import type { Rules } from '../../durable-objects/endpoint/machine.ts'
import type { Ordering } from '../../durable-objects/endpoint/rpc.ts'
import type { Layout } from '../../src/endpoints/lanes.ts'

/** What of an endpoint's configuration matters here. */
export interface Settings {
  version: number
  /** Which receiver is called. */
  url: number
  ordering: Ordering
  timeout_ms: number
  retention_ms: number
  rules: Rules
  /** When it was last enabled. */
  enabled_at: number | null
  /** What was parked before this moment is to be cancelled. */
  cancel_before: number | null
  /** One lane, unless it says otherwise. */
  layout?: Layout
}

export type Mood =
  | 'healthy'
  | 'slow'
  | 'hanging'
  | 'flapping'
  | 'failing'
  | 'refusing'
  | 'gone'
  | 'busy'
  | 'untransformable'

export const MOODS = [
  'healthy',
  'slow',
  'hanging',
  'flapping',
  'failing',
  'refusing',
  'gone',
  'busy',
  'untransformable',
] as const satisfies Mood[]

/** Rules an operator may change while the endpoint runs. */
export type RuleChange = Partial<Omit<Rules, 'disabled'>>

/** The process is killed: now, before its nth effect, or after its next commit but before anything left. */
export type CrashWhen = 'now' | 'after_commit' | { before_effect: number }

export type Happening =
  /** `via`: straight to the Endpoint, or through the fan-out queue. */
  | { does: 'publish'; keys: (string | null)[]; via: 'call' | 'queue' }
  /** A publisher that heard nothing repeats itself. */
  | { does: 'republish'; nth: number }
  | { does: 'mood'; url: number; mood: Mood; retry_after_ms: number }
  | { does: 'crash'; when: CrashWhen }
  /** For a while, this share of the queues' messages. */
  | { does: 'queue'; fault: 'lose' | 'duplicate' | 'delay' | 'refuse'; share: number; for_ms: number }
  | { does: 'alarm'; fault: 'late' | 'repeated'; by_ms: number; for_ms: number }
  | { does: 'database'; fault: 'down' | 'slow' | 'answer_lost'; for_ms: number }
  /** For a while, this share of attempts is cut off on our side. */
  | { does: 'interrupt'; share: number; for_ms: number }
  | { does: 'clock'; by_ms: number }
  | { does: 'configure'; rules: RuleChange; url: number | null; ordering: Ordering | null; pushed: boolean }
  | { does: 'disable'; pushed: boolean }
  | { does: 'enable'; parked: 'deliver' | 'cancel'; pushed: boolean }
  | { does: 'retry' | 'cancel' | 'redrive' | 'erase'; nth: number }
  | { does: 'reset_breaker' }
  | { does: 'delete' }

/** `at`: milliseconds since the run began. */
export type Step = { at: number } & Happening

export interface Scenario {
  seed: number
  settings: Settings
  steps: readonly Step[]
}
