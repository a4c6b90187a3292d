import type { QuotaRpc } from '../../durable-objects/quota/rpc.ts'
import type { Bindings } from '../env.ts'
import { callObject } from '../lib/call-object.ts'

/**
 * Calls the object that counts for a tenant; again when that helps.
 * @throws the last error
 */
export function callQuota<T>(
  env: Pick<Bindings, 'QUOTA'>,
  tenant_id: string,
  call: (quota: QuotaRpc) => Promise<T>,
): Promise<T> {
  return callObject(() => call(env.QUOTA.get(env.QUOTA.idFromName(tenant_id))))
}
