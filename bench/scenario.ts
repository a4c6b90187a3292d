/** What a scenario is given, and what it is. */
import type { Figure } from './report.ts'
import type { Stage } from './stage.ts'

export interface Settings {
  rounds: number
  round_ms: number
  /** Events that a source is sent in a round. */
  events: number
  /** Past deliveries that are piled up. */
  past_deliveries: number
  /** Numbers of lanes that a hot endpoint is tried with. */
  lanes: number[]
  /** Whether workerd is profiled too, where a scenario can. */
  profile: boolean
}

interface Outcome {
  figures: Figure[]
  /** Lines below the table. */
  notes?: string[]
}

export interface Scenario {
  /** For `--only`. */
  name: string
  run(stage: Stage, settings: Settings): Promise<Outcome>
}
