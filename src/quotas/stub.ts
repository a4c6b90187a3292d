import type { QuotaRpc } from '../../durable-objects/quota/rpc.ts'
import type { Bindings } from '../env.ts'
import { callObject } from '../lib/call-object.ts'

/**
 * Calls an object that counts; again when that helps.
 * @param name a tenant's id, or what `rateName` makes of a source's
 * @throws the last error
 */
export function callQuota<T>(
  env: Pick<Bindings, 'QUOTA'>,
  name: string,
  call: (quota: QuotaRpc) => Promise<T>,
): Promise<T> {
  return callObject(() => call(env.QUOTA.get(env.QUOTA.idFromName(name))))
}
