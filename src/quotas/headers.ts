/**
 * Quotas as HTTP says them: draft-ietf-httpapi-ratelimit-headers-10. Policies are named as the tenant's limits are.
 * Their unit is a message; the draft knows none but requests, bytes and concurrency, so `qu` is left out.
 */
import type { Quotas, Remaining } from '../../durable-objects/quota/rpc.ts'
import { endOf, startOf } from '../lib/month.ts'

const SECOND = '"messages_per_second"'
const MONTH = '"messages_per_month"'

/** Seconds until the month is over, as `Retry-After` has them too. */
export function untilMonthEnds(month: string, now: number): number {
  return Math.max(1, Math.ceil((endOf(month) - now) / 1000))
}

/** Seconds until there is a token again: no quota is below one a second. */
export const UNTIL_TOKEN_S = 1

/** What the tenant may do: the same in every answer of a month. */
export function policyHeader({ per_second, burst, per_month }: Quotas, month: string): string {
  const window_s = (endOf(month) - startOf(month)) / 1000
  // What is not of the draft carries our name, as it asks for.
  const burst_parameter = burst === per_second ? '' : `;postern-burst=${burst}`
  return list(
    per_second !== null && `${SECOND};q=${per_second};w=1${burst_parameter}`,
    per_month !== null && `${MONTH};q=${per_month};w=${window_s}`,
  )
}

/** What is left of it. */
export function remainingHeader({ second, month: of_month }: Remaining, month: string, now: number): string {
  return list(
    second !== null && `${SECOND};r=${second};t=${UNTIL_TOKEN_S}`,
    of_month !== null && `${MONTH};r=${of_month};t=${untilMonthEnds(month, now)}`,
  )
}

function list(...items: (string | false)[]): string {
  return items.filter((item) => item !== false).join(', ')
}
