import type { Counted, Quotas, Remaining } from '../../durable-objects/quota/rpc.ts'
import type { Deps } from '../deps.ts'
import type { Tenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { monthOf } from '../lib/month.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { report } from '../report.ts'
import { quotasOf } from './quotas.ts'
import { callQuota } from './stub.ts'

export interface TenantUsage {
  month: string
  counted: Counted | null
  quotas: Quotas
  remaining: Remaining
  at: number
  present_month: string
}

/** What a tenant published in a month, as far as that was counted; one without a quota may have had one then. */
export async function getUsage(
  deps: Deps,
  tenant: Tenant,
  wanted: string | undefined,
): Promise<Result<TenantUsage, Problem>> {
  const { env, now } = deps
  const at = now()
  const present_month = monthOf(at)
  const month = wanted ?? present_month
  const quotas = quotasOf(tenant)
  try {
    const usage = await callQuota(env, tenant.id, (quota) => quota.usage(month, quotas))
    return ok({ month, ...usage, quotas, at, present_month })
  } catch (error) {
    report(deps, 'quota.failed', error, { tenant_id: tenant.id })
    return err(problem('unavailable', 'the meter does not answer; try again soon', { headers: { 'retry-after': '5' } }))
  }
}
