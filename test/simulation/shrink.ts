/** Makes a failing scenario short: drops what it does not need to fail in the same way. */
import { Coverage } from './coverage.ts'
import type { Options } from './platform.ts'
import type { Scenario, Step } from './scenario.ts'
import { simulate } from './simulation.ts'

const TRIALS_MAX = 3000

export function shrink(
  scenario: Scenario,
  message: string,
  options: Omit<Options, 'coverage' | 'trace'> = {},
): Scenario {
  let trials = 0
  const fails = (steps: readonly Step[]) => {
    if (++trials > TRIALS_MAX) return false
    return simulate({ ...scenario, steps }, { ...options, coverage: new Coverage() })?.message === message
  }
  return { ...scenario, steps: simplify(dropSteps(scenario.steps, fails), fails) }
}

/** Without the steps that the failure does not need. */
export function dropSteps<S>(all: readonly S[], fails: (steps: readonly S[]) => boolean): readonly S[] {
  let steps = all
  for (let length = Math.ceil(steps.length / 2); length >= 1; ) {
    const shorter = dropOne(steps, length, fails)
    if (shorter !== null) steps = shorter
    else if (length === 1) break
    else length = Math.ceil(length / 2)
  }
  return steps
}

/** The steps without one run of this length that they do not need; null when they need all. */
function dropOne<S>(steps: readonly S[], length: number, fails: (steps: readonly S[]) => boolean): S[] | null {
  // From the end: what happens last is needed least.
  for (let end = steps.length; end > 0; end -= length) {
    const rest = [...steps.slice(0, Math.max(0, end - length)), ...steps.slice(end)]
    if (fails(rest)) return rest
  }
  return null
}

/** One message instead of many, where that is enough. */
function simplify(steps: readonly Step[], fails: (steps: readonly Step[]) => boolean): readonly Step[] {
  let simplest = steps
  for (const [i, step] of steps.entries()) {
    if (step.does !== 'publish') continue
    for (let length = 1; length < step.keys.length; length++) {
      const fewer = simplest.with(i, { ...step, keys: step.keys.slice(0, length) })
      if (!fails(fewer)) continue
      simplest = fewer
      break
    }
  }
  return simplest
}
