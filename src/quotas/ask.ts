import type { QuotaRpc } from '../../durable-objects/quota/rpc.ts'
import type { Deps } from '../deps.ts'
import { toBase64 } from '../lib/hash.ts'
import type { RandomBytes } from '../lib/ids.ts'
import type { Fields } from '../lib/log.ts'
import { withPatience } from '../lib/patience.ts'
import { report } from '../report.ts'
import { callQuota } from './stub.ts'

/** Longer than an object on the other side of the world needs; shorter than the patience of who called us. */
const PATIENCE_MS = 1000

/** No two calls of the last while share one. */
const CALL_ID_BYTES = 12

/** By which a Quota knows a call that is repeated. */
export function createCallId(random: RandomBytes): string {
  return toBase64(random(CALL_ID_BYTES))
}

/**
 * What a Quota answers; null when it fails or takes its time.
 * @param name of the object: {@link callQuota}
 * @param whose for the log
 */
export function askQuota<T>(
  deps: Pick<Deps, 'env' | 'waitUntil'>,
  name: string,
  whose: Fields,
  call: (quota: QuotaRpc) => Promise<T>,
): Promise<T | null> {
  const asking = callQuota(deps.env, name, call).catch((error) => {
    report(deps, 'quota.failed', error, whose)
    return null
  })
  return withPatience(asking, PATIENCE_MS, null)
}
