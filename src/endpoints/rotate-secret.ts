import { record } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { liveSecrets, retire } from '../signatures/sealed-secret.ts'
import { changeEndpoint } from './change-endpoint.ts'
import { findEndpoint } from './find-endpoint.ts'
import { makeSecret, type OpenSecret, openSecret, sealSecret, type WantedSecret } from './secrets.ts'

/** Every one of them adds a signature to every attempt. */
const LIVE_MAX = 5
const TOO_MANY = problem(
  'limit_reached',
  `at most ${LIVE_MAX} secrets sign at once: wait until one expires, or use overlap_s 0`,
)

export interface SigningSecret extends OpenSecret {
  /** Unix milliseconds when it stops signing; null for the current one. */
  expires_at: number | null
}

/** All secrets that sign at this moment, the current one first. */
export async function revealSecrets(
  deps: Deps,
  tenant_id: string,
  id: string,
): Promise<Result<SigningSecret[], Problem>> {
  const endpoint = await findEndpoint(deps, tenant_id, id)
  if (!endpoint.ok) return endpoint
  const noted = await record(deps, tenant_id, { action: 'endpoint.secret.reveal', target: id })
  if (!noted.ok) return noted
  const secrets: SigningSecret[] = []
  for (const sealed of liveSecrets(endpoint.value.secrets, deps.now())) {
    const open = await openSecret(deps, tenant_id, id, sealed)
    if (!open.ok) return open
    secrets.push({ ...open.value, expires_at: sealed.expires_at })
  }
  return ok(secrets)
}

/**
 * Gives an endpoint a new secret. The one before goes on signing until the overlap ends, so that the
 * receiver can change over at leisure.
 */
export async function rotateSecret(
  deps: Deps,
  tenant_id: string,
  id: string,
  wanted: WantedSecret & { overlap_s: number },
): Promise<Result<OpenSecret, Problem>> {
  let made: OpenSecret | undefined
  const changed = await changeEndpoint(deps, tenant_id, id, 'endpoint.secret.rotate', async ({ secrets }) => {
    const secret = await makeSecret(deps, wanted, secrets[0]?.kind ?? 'hmac')
    if (!secret.ok) return secret
    made = secret.value
    const retired = retire(secrets, wanted.overlap_s, deps.now())
    if (retired.length >= LIVE_MAX) return err(TOO_MANY)
    return ok({ secrets: [await sealSecret(deps, tenant_id, id, made), ...retired] })
  })
  if (!changed.ok) return changed
  if (made === undefined) throw new Error('what was changed was decided')
  return ok(made)
}
