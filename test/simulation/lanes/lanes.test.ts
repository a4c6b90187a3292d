/**
 * Lanes in runs of faults: publishers with views of different ages, a number of lanes that changes again
 * and again, and everything that may be lost or late. docs/simulation.md says what is modelled.
 */
import { describe, expect, it } from 'vitest'
import { LaneCoverage } from './lane-coverage.ts'
import { FLAWS, LANE_MUTANTS, loadLaneMutant } from './lane-mutants.ts'
import type { LaneOptions } from './lane-platform.ts'
import { LANE_REGRESSIONS } from './lane-regressions.ts'
import { laneScenarioOf } from './lane-scenarios.ts'
import { shrinkLanes } from './lane-shrink.ts'
import { simulateLanes } from './lane-simulation.ts'

const SEEDS = 2000
const FAULTY_SEEDS = 2000

/** What a person needs of a failing seed, or nothing. */
function complaint(seed: number, coverage: LaneCoverage): string[] {
  const scenario = laneScenarioOf(seed)
  const failure = simulateLanes(scenario, { coverage })
  if (failure === null) return []
  const { steps } = shrinkLanes(scenario, failure.message)
  const replay = `npm run simulate -- --lanes --seed ${seed}`
  return [`${failure.message} (step ${failure.step}); replay: ${replay}; shrunk: ${JSON.stringify(steps)}`]
}

function isFound(fault: Omit<LaneOptions, 'coverage' | 'trace'>): boolean {
  for (let seed = 0; seed < FAULTY_SEEDS; seed++) {
    if (simulateLanes(laneScenarioOf(seed), { ...fault, coverage: new LaneCoverage() }) !== null) return true
  }
  return false
}

describe(`the lanes of an endpoint in ${SEEDS} runs of faults`, () => {
  const coverage = new LaneCoverage()

  it('lose nothing, keep the order of every key, take no known message twice, and drain', () => {
    const complaints = Array.from({ length: SEEDS }, (_, seed) => seed).flatMap((seed) => complaint(seed, coverage))
    expect(complaints).toEqual([])
  }, 60_000)

  it('meet every answer, change of layout and loss that there is', () => {
    expect(coverage.unreached()).toEqual([])
  })
})

describe('the simulation of lanes finds code that', () => {
  it.each(LANE_MUTANTS)('$does', async (mutant) => {
    expect(isFound({ code: await loadLaneMutant(mutant) })).toBe(true)
  })
})

describe('the simulation of lanes finds a lane that', () => {
  it.each(FLAWS)('$does', ({ flaws }) => {
    expect(isFound({ flaws })).toBe(true)
  })
})

describe('what was broken once in lanes stays mended', () => {
  it.each(LANE_REGRESSIONS)('$showed', ({ scenario }) => {
    expect(simulateLanes(scenario, { coverage: new LaneCoverage() })).toBeNull()
  })
})
