import type { Deps } from '../deps.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { retire } from '../signatures/sealed-secret.ts'
import { changeSource } from './change-source.ts'
import { type Chosen, chooseCredentials, missingCredentials } from './check-members.ts'
import type { WantedCredentials } from './contract.ts'
import type { SourceWithCredentials } from './create-source.ts'
import { sealCredentials, takesCredentials } from './credentials.ts'

/** Each is tried for every request. */
const LIVE_MAX = 5
const TOO_MANY = problem(
  'limit_reached',
  `at most ${LIVE_MAX} sets of credentials are believed at once: wait until one expires, or use overlap_s 0`,
)
const UNUSED = problem('credentials_unused', 'its provider proves itself by nothing that a source has to know')

/**
 * Gives a source new credentials. Those before are believed until the overlap ends, so that they can be changed at
 * the provider at leisure.
 */
export async function rotateCredentials(
  deps: Deps,
  tenant_id: string,
  id: string,
  wanted: WantedCredentials,
): Promise<Result<SourceWithCredentials, Problem>> {
  let chosen: Chosen | null = null
  const changed = await changeSource(deps, tenant_id, id, 'source.secret.rotate', async (before, now) => {
    if (!takesCredentials(before.provider)) return err(UNUSED)
    const choice = chooseCredentials(before, wanted.credentials, deps.random)
    if (!choice.ok) return choice
    if (choice.value === null) return err(missingCredentials(before.provider))
    chosen = choice.value
    const retired = retire(before.credentials, wanted.overlap_s, now)
    if (retired.length >= LIVE_MAX) return err(TOO_MANY)
    const sealed = await sealCredentials(deps, before, chosen.credentials)
    return ok({ credentials: [sealed, ...retired] })
  })
  return changed.ok ? ok({ row: changed.value, invented: inventedOf(chosen) }) : changed
}

function inventedOf(chosen: Chosen | null): Record<string, unknown> | null {
  return chosen?.is_invented ? chosen.credentials : null
}
