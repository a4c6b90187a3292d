/** How many requests a source takes in a second: one bucket for all the world, in a Quota of the source's own. */
import type { Deps } from '../deps.ts'
import { Refusals } from '../http/refusals.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { askQuota, createCallId } from '../quotas/ask.ts'
import { UNTIL_TOKEN_S } from '../quotas/headers.ts'
import { callQuota } from '../quotas/stub.ts'

type RateDeps = Pick<Deps, 'env' | 'now' | 'random' | 'waitUntil'>

interface Limited {
  id: string
  tenant_id: string
  rate_limit_per_s: number
}

/** Sources whose bucket was empty: until it can have a token again, a flood is not worth asking about. */
const refusals = new Refusals()

/** No tenant's id has a colon. */
function rateName(source_id: string): string {
  return `source:${source_id}`
}

/**
 * Whether one more request is within the limit of its source; counted if it is. Ask only of a source that has one.
 * Never refuses because it does not know: when the object does not answer, the request may go on.
 */
export async function withinRate(
  deps: RateDeps,
  { id, tenant_id, rate_limit_per_s }: Limited,
): Promise<Result<void, { retry_after_s: number }>> {
  const now = deps.now()
  if (refusals.isRefused(id, now)) return err({ retry_after_s: UNTIL_TOKEN_S })
  // A second's worth at once, since nobody can say more evenly when providers send.
  const quotas = { per_second: rate_limit_per_s, burst: Math.max(1, rate_limit_per_s), per_month: null }
  const call = { id: createCallId(deps.random), count: 1, quotas }
  const taken = await askQuota(deps, rateName(id), { tenant_id, source_id: id }, (quota) => quota.take(call))
  if (taken === null || taken.granted === 1) return ok(undefined)
  refusals.remember(id, now + 1000 / rate_limit_per_s)
  return err({ retry_after_s: UNTIL_TOKEN_S })
}

/**
 * Forgets what a source has used of its limit, when it is deleted.
 * @throws what the object throws
 */
export async function forgetRate({ env }: Pick<Deps, 'env'>, source_id: string): Promise<void> {
  await callQuota(env, rateName(source_id), (quota) => quota.remove())
}
