/**
 * Thousands of runs with every fault we know of: whatever happens, the rules of delivery hold at every
 * step, and once all has healed everything comes to its end. docs/simulation.md says what is modelled.
 */
import { describe, expect, it } from 'vitest'
import { Coverage } from './coverage.ts'
import { REGRESSIONS } from './regressions.ts'
import { scenarioOf } from './scenarios.ts'
import { shrink } from './shrink.ts'
import { simulate } from './simulation.ts'

const SEEDS = 2000

/** What a person needs of a failing seed, or nothing. */
function complaint(seed: number, coverage: Coverage): string[] {
  const scenario = scenarioOf(seed)
  const failure = simulate(scenario, { coverage })
  if (failure === null) return []
  const { steps } = shrink(scenario, failure.message)
  return [
    `${failure.message} (step ${failure.step}); replay: npm run simulate -- --seed ${seed}; shrunk: ${JSON.stringify(steps)}`,
  ]
}

describe(`an Endpoint in ${SEEDS} runs of faults`, () => {
  const coverage = new Coverage()

  it('loses nothing, keeps every rule of delivery at every step, and comes to rest', () => {
    const complaints = Array.from({ length: SEEDS }, (_, seed) => seed).flatMap((seed) => complaint(seed, coverage))
    expect(complaints).toEqual([])
  }, 60_000)

  it('meets every event, effect, state, transition, outcome and fault that there is', () => {
    expect(coverage.unreached()).toEqual([])
  })
})

describe('a run', () => {
  it('is the same each time, step by step', () => {
    const trace = (seed: number) => {
      const lines: string[] = []
      simulate(scenarioOf(seed), { coverage: new Coverage(), trace: (line) => lines.push(line) })
      return lines
    }
    for (const seed of [3, 77, 1234]) expect(trace(seed)).toEqual(trace(seed))
    expect(trace(3)).not.toEqual(trace(4))
  })
})

describe('what was broken once stays mended', () => {
  it.each(REGRESSIONS)('$showed', ({ scenario }) => {
    expect(simulate(scenario, { coverage: new Coverage() })).toBeNull()
  })
})
