import { and, eq } from 'drizzle-orm'
import type { SealedSecret } from '../../durable-objects/endpoint/rpc.ts'
import type { Deps } from '../deps.ts'
import { forgetTenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { liveSecrets } from '../signatures/sealed-secret.ts'
import { findEndpoint } from './find-endpoint.ts'
import { pushEndpoint } from './push-settings.ts'
import { makeSecret, type OpenSecret, openSecret, sealSecret, type WantedSecret } from './secrets.ts'
import { endpoints } from './table.ts'

/** Every one of them adds a signature to every attempt. */
const LIVE_MAX = 5
const TRIES_MAX = 10

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
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const endpoint = await findEndpoint(deps, tenant_id, id)
    if (!endpoint.ok) return endpoint
    const { secrets, version } = endpoint.value
    const secret = await makeSecret(deps, wanted, secrets[0]?.kind ?? 'hmac')
    if (!secret.ok) return secret
    const retired = retire(secrets, wanted.overlap_s, deps.now())
    if (retired.length >= LIVE_MAX) {
      return err(
        problem(
          'limit_reached',
          `at most ${LIVE_MAX} secrets sign at once: wait until one expires, or use overlap_s 0`,
        ),
      )
    }
    const { meta } = await deps.db
      .update(endpoints)
      .set({
        secrets: [await sealSecret(deps, tenant_id, id, secret.value), ...retired],
        version: version + 1,
        updated_at: deps.now(),
      })
      // Secrets follow from the secrets that were read, so nobody may have changed them since.
      .where(and(eq(endpoints.tenant_id, tenant_id), eq(endpoints.id, id), eq(endpoints.version, version)))
    if (meta.changes === 0) continue
    forgetTenant(tenant_id)
    await pushEndpoint(deps, tenant_id, id)
    return ok(secret.value)
  }
  return err(problem('changed_meanwhile', 'the endpoint was changed by others at the same time'))
}

/** What of the present secrets goes on signing beside a new one. */
function retire(secrets: readonly SealedSecret[], overlap_s: number, now: number): SealedSecret[] {
  const ends_at = now + overlap_s * 1000
  // None outlives the overlap that its owner asks for now: after a leak that may be none at all.
  const retired = secrets.map((secret) => ({ ...secret, expires_at: Math.min(secret.expires_at ?? ends_at, ends_at) }))
  return liveSecrets(retired, now)
}
