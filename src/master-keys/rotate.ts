import type { Deps } from '../deps.ts'
import { toHex } from '../lib/hash.ts'
import { report } from '../report.ts'
import type { Run } from '../retention/run.ts'
import { HeldRotation, loadRotation } from './held-rotation.ts'
import { resealPass } from './reseal.ts'
import { afterPass, changedKeys, describeRing, nextRotation } from './rotation.ts'
import { tellEndpoints } from './tell-endpoints.ts'
import { vouchForLogs } from './vouch-for-logs.ts'

/**
 * Brings everything that is sealed under the current master key, as far as the run may. When nothing is to do it costs one
 * small query. It may be cut off anywhere, and run twice at once: whoever comes second takes over.
 * @param is_asked a person wants all of it looked at again
 * @throws what D1 throws; what was done until then stays done
 */
export async function rotateMasterKey(deps: Deps, run: Run, is_asked = false): Promise<void> {
  const { keyring } = deps.settings
  if (!run.take()) return
  const before = await loadRotation(deps)
  const known = before?.rotation ?? null
  const ring = await describeRing(keyring)
  const changed = changedKeys(known, ring)
  for (const key_id of changed) {
    const error = new Error('a master key is not the one that had its id before')
    report(deps, 'master_keys.changed', error, { key_id, is_current: key_id === keyring.current })
  }
  // Whatever was sealed under it would be lost as soon as somebody mends the mistake.
  if (changed.includes(keyring.current)) return
  const rotation = nextRotation(known, ring, toHex(deps.random(8)), deps.now(), is_asked)
  if (rotation === null || !run.take()) return
  const held = await HeldRotation.take(deps, before, rotation)
  if (held !== null) await goOn(deps, run, held)
}

async function goOn(deps: Deps, run: Run, held: HeldRotation): Promise<void> {
  while (held.rotation.step === 'reseal') {
    if (!(await resealPass(deps, run, held)) || !run.take()) return
    const { rotation, is_over } = afterPass(held.rotation, deps.now())
    if ((await held.keep(rotation)) === null || is_over) return
  }
  if (held.rotation.step === 'tell') {
    if (!(await tellEndpoints(deps, run, held)) || !run.take()) return
    const { ring } = held.rotation
    if ((await held.keep({ ...held.rotation, step: 'vouch', told: ring[0] ?? null })) === null) return
  }
  if ((await vouchForLogs(deps, run)) && run.take()) await held.keep({ ...held.rotation, step: 'done' })
}
