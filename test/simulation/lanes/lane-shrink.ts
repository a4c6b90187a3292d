/** Makes a failing scenario of lanes short: drops the steps that it does not need to fail in the same way. */
import { dropSteps } from '../shrink.ts'
import { LaneCoverage } from './lane-coverage.ts'
import type { LaneOptions } from './lane-platform.ts'
import type { LaneScenario } from './lane-scenario.ts'
import { simulateLanes } from './lane-simulation.ts'

const TRIALS_MAX = 2000

export function shrinkLanes(
  scenario: LaneScenario,
  message: string,
  options: Omit<LaneOptions, 'coverage' | 'trace'> = {},
): LaneScenario {
  let trials = 0
  const steps = dropSteps(scenario.steps, (steps) => {
    if (++trials > TRIALS_MAX) return false
    return simulateLanes({ ...scenario, steps }, { ...options, coverage: new LaneCoverage() })?.message === message
  })
  return { ...scenario, steps }
}
