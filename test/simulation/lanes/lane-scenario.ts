/** A run of lanes as data: the endpoint's first settings, and what happens to it when. */
import type { Ordering } from '../../../durable-objects/endpoint/rpc.ts'
import type { CrashWhen, Mood, RuleChange, Settings } from '../scenario.ts'

export type LaneHappening =
  /** `who` publishes a batch: the ordering key of each, and whether it has an idempotency key. */
  | { does: 'publish'; who: number; batch: { key: string | null; is_keyed: boolean }[] }
  /** Somebody, perhaps with another view of the endpoint, says again what was said. */
  | { does: 'republish'; who: number; nth: number }
  | { does: 'relayout'; lanes: number; pushed: boolean }
  | { does: 'mood'; mood: Mood; retry_after_ms: number }
  | { does: 'crash'; lane: number; when: CrashWhen }
  /** For a while, this share of calls to lanes. */
  | { does: 'call'; fault: 'lost' | 'slow'; share: number; for_ms: number }
  | { does: 'push'; fault: 'lost' | 'slow'; share: number; for_ms: number }
  | { does: 'database'; fault: 'down' | 'slow' | 'answer_lost'; for_ms: number }
  | { does: 'queue'; fault: 'lose' | 'duplicate' | 'delay' | 'refuse'; share: number; for_ms: number }
  | { does: 'interrupt'; share: number; for_ms: number }
  | { does: 'configure'; rules: RuleChange; ordering: Exclude<Ordering, 'fifo'> | null; pushed: boolean }
  | { does: 'disable'; pushed: boolean }
  | { does: 'enable'; parked: 'deliver' | 'cancel'; pushed: boolean }
  | { does: 'retry' | 'cancel' | 'redrive'; nth: number }
  /** Everything that died is started again, or everything that has ended. */
  | { does: 'redrive_all' | 'replay_all' }
  | { does: 'reset_breaker' }

/** `at`: milliseconds since the run began. */
export type LaneStep = { at: number } & LaneHappening

export interface LaneScenario {
  seed: number
  settings: Settings
  steps: readonly LaneStep[]
}
