import type { Quotas } from '../../durable-objects/quota/rpc.ts'
import type { Tenant } from '../http/access.ts'
import { resolveLimits } from '../tenants/limits.ts'

/** The quotas of a tenant; all null for one that may publish as much as it likes. */
export function quotasOf({ limits }: Pick<Tenant, 'limits'>): Quotas {
  const { messages_per_second, messages_burst, messages_per_month } = resolveLimits(limits)
  return {
    per_second: messages_per_second,
    burst: messages_burst ?? messages_per_second ?? 0,
    per_month: messages_per_month,
  }
}

/** Whether there is anything to ask about. */
export function isLimited({ per_second, per_month }: Quotas): boolean {
  return per_second !== null || per_month !== null
}
