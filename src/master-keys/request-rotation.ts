import { record } from '../audit/audited.ts'
import { OPERATOR_CHAIN } from '../audit/entry.ts'
import type { Deps } from '../deps.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { Run, runJob } from '../retention/run.ts'
import { loadRotation } from './held-rotation.ts'
import { rotateMasterKey } from './rotate.ts'
import { changedKeys, describeRing } from './rotation.ts'

/** A Worker may go on for 30 s after its answer. The cron does what is left. */
const BOUNDS = { calls: 900, ms: 25_000 }

/** Starts, or goes on with, bringing everything under the current master key. It goes on after this has returned. */
export async function requestRotation(deps: Deps): Promise<Result<void, Problem>> {
  const { current } = deps.settings.keyring
  const known = await loadRotation(deps)
  if (changedKeys(known?.rotation ?? null, await describeRing(deps.settings.keyring)).includes(current)) {
    return err(
      problem('master_key_changed', `${current} stood for another key before: give the new one an id of its own`),
    )
  }
  const recorded = await record(deps, OPERATOR_CHAIN, { action: 'master_key.rotate', target: current })
  if (!recorded.ok) return recorded
  const run = new Run(deps.now, BOUNDS)
  const running = runJob(deps, 'master_keys.rotate', run, () => rotateMasterKey(deps, run, true))
  deps.waitUntil(running.catch(() => {}))
  return ok(undefined)
}
