/**
 * Asks how many messages of a publish may go. They are counted before they are placed, so that no two publishes get the
 * same room; what was not accepted in the end is given back, after the answer.
 */
import type { QuotaName, Quotas, Settlement, TakeCall, Taken } from '../../durable-objects/quota/rpc.ts'
import type { Deps } from '../deps.ts'
import type { Tenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { log } from '../lib/log.ts'
import { monthOf } from '../lib/month.ts'
import { askQuota, createCallId } from './ask.ts'
import { policyHeader, remainingHeader, UNTIL_TOKEN_S, untilMonthEnds } from './headers.ts'
import { isLimited, quotasOf } from './quotas.ts'

/** When an object that did not hear is told again, within the 30 s that a Worker has after its answer. */
const TELL_AGAIN_AFTER_MS = [1000, 5000, 15_000]

type QuotaDeps = Pick<Deps, 'env' | 'now' | 'random' | 'waitUntil'> & Pick<Partial<Deps>, 'trace'>

/** What may be published now. */
export interface Permit {
  /** The first so many may go. */
  granted: number
  /** Why the others may not. */
  refusal: Problem | null
  /** What the answer says of the quotas. */
  headers: Record<string, string>
  /** To be told how many of those granted were accepted. */
  settle: (accepted: number) => void
}

/**
 * Never refuses because it does not know: when the tenant's object does not answer, everything may go and is reported to
 * it later.
 * @param count messages that are about to be placed
 */
export async function askForPermit(
  deps: QuotaDeps,
  tenant: Pick<Tenant, 'id' | 'limits'>,
  count: number,
): Promise<Permit> {
  const quotas = quotasOf(tenant)
  if (!isLimited(quotas) || count === 0) return { granted: count, refusal: null, headers: {}, settle: () => {} }
  const call = { id: createCallId(deps.random), count, quotas }
  const asked_at = deps.now()
  const taken = await askQuota(deps, tenant.id, { tenant_id: tenant.id }, (quota) => quota.take(call))
  return taken === null ? unmetered(deps, tenant.id, call, monthOf(asked_at)) : metered(deps, tenant.id, call, taken)
}

function metered(deps: QuotaDeps, tenant_id: string, { id, quotas }: TakeCall, taken: Taken): Permit {
  const { granted, refused_by, month, remaining } = taken
  const headers = {
    'ratelimit-policy': policyHeader(quotas, month),
    ratelimit: remainingHeader(remaining, month, deps.now()),
  }
  const refusal = refused_by && toProblem(refused_by, quotas, month, deps.now(), headers)
  const settle = (accepted: number) => {
    if (accepted !== granted) deps.waitUntil(tell(deps, tenant_id, { id, month, granted, accepted }))
  }
  return { granted, refusal, headers, settle }
}

function unmetered(deps: QuotaDeps, tenant_id: string, { id, count, quotas }: TakeCall, month: string): Permit {
  const settle = (accepted: number) => {
    log('warn', 'quota.unmetered', { tenant_id, trace_id: deps.trace?.trace_id, accepted })
    // Even if nothing was: it may have heard after all.
    deps.waitUntil(tell(deps, tenant_id, { id, month, granted: null, accepted }))
  }
  return { granted: count, refusal: null, headers: { 'ratelimit-policy': policyHeader(quotas, month) }, settle }
}

/** What is never told is in the log, which with the object's count makes the truth. */
async function tell(deps: QuotaDeps, tenant_id: string, settlement: Settlement): Promise<void> {
  for (const delay_ms of [0, ...TELL_AGAIN_AFTER_MS]) {
    if (delay_ms > 0) await scheduler.wait(delay_ms)
    const told = await askQuota(deps, tenant_id, { tenant_id }, (quota) => quota.settle(settlement).then(() => true))
    if (told === true) return
  }
  log('error', 'quota.unsettled', { tenant_id, trace_id: deps.trace?.trace_id, ...settlement })
}

function toProblem(
  refused_by: QuotaName,
  { per_second, per_month }: Quotas,
  month: string,
  now: number,
  headers: Record<string, string>,
): Problem {
  const retry_after_s = refused_by === 'month' ? untilMonthEnds(month, now) : UNTIL_TOKEN_S
  const more = { headers: { ...headers, 'retry-after': String(retry_after_s) }, extra: { retry_after_s } }
  return refused_by === 'month'
    ? problem('quota_exceeded', `this tenant may publish ${per_month} messages a month`, more)
    : problem('rate_limited', `this tenant may publish ${per_second} messages a second`, more)
}
