/** Shows that the simulation finds bugs: each of these is put into a copy of the core, and found. */
import { describe, expect, it } from 'vitest'
import { Coverage } from './coverage.ts'
import { loadMutant } from './load-mutant.ts'
import { MUTANTS } from './mutants.ts'
import type { Options } from './platform.ts'
import { scenarioOf } from './scenarios.ts'
import { shrink } from './shrink.ts'
import { type Failure, simulate } from './simulation.ts'

const SEEDS = 2000

type Fault = Omit<Options, 'coverage' | 'trace'>

/** @param message of the failure; any, unless it is said */
function firstFailure(fault: Fault, message?: string): (Failure & { seed: number }) | null {
  for (let seed = 0; seed < SEEDS; seed++) {
    const failure = simulate(scenarioOf(seed), { ...fault, coverage: new Coverage() })
    if (failure !== null && (message ?? failure.message) === failure.message) return { ...failure, seed }
  }
  return null
}

describe('the simulation finds a core that', () => {
  it.each(MUTANTS)('$does', async (mutant) => {
    expect(firstFailure({ core: await loadMutant(mutant) })).not.toBeNull()
  })
})

describe('the simulation finds a platform that', () => {
  it('answers a publisher before the delivery is stored', () => {
    expect(firstFailure({ answers_early: true }, 'an accepted message was lost')).not.toBeNull()
  })
})

describe('a failing run', () => {
  it('is shrunk to the few steps that it needs, and still fails in the same way', async () => {
    const [mutant] = MUTANTS.filter(({ does }) => does === 'forgets to release the ordering key')
    if (mutant === undefined) throw new Error('the mutant is gone')
    const fault = { core: await loadMutant(mutant) }
    const failure = firstFailure(fault)
    if (failure === null) throw new Error('nothing failed')
    const short = shrink(scenarioOf(failure.seed), failure.message, fault)
    expect(short.steps.length).toBeLessThanOrEqual(3)
    expect(simulate(short, { ...fault, coverage: new Coverage() })?.message).toBe(failure.message)
  })
})
