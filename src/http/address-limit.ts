/**
 * Limits for who has no good key, by address. A good key is never counted here, and is looked for as ever: a limiter is
 * asked only once a request is known to have none.
 */

import type { MiddlewareHandler } from 'hono'
import { subnetOf } from '../lib/network.ts'
import { report } from '../report.ts'
import { addressOf } from './caller.ts'
import type { AppContext, AppEnv } from './context.ts'
import { ProblemError, problem } from './problems.ts'
import { Refusals } from './refusals.ts'

interface AddressLimit {
  name: 'address' | 'failed_authentication'
  binding: 'ADDRESS_LIMIT' | 'FAILED_AUTHENTICATION_LIMIT'
  /** As wrangler.toml has it. */
  period_s: number
  detail: string
  refusals: Refusals
}

/** Every request without a good key: those of routes that need none, too. */
const WITHOUT_KEY: AddressLimit = {
  name: 'address',
  binding: 'ADDRESS_LIMIT',
  period_s: 10,
  detail: 'this address sends too many requests without a valid key',
  refusals: new Refusals(),
}

/** Keys that are made up, revoked, expired, or used from where they may not be. */
const FAILED: AddressLimit = {
  name: 'failed_authentication',
  binding: 'FAILED_AUTHENTICATION_LIMIT',
  period_s: 60,
  detail: 'this address sends too many keys that are not valid',
  refusals: new Refusals(),
}

/** What calls from no known address share. */
const UNKNOWN = 'unknown'

/** Lets a route that needs no key be called so often, and no more. */
export const limitAddress: MiddlewareHandler<AppEnv> = async function limitAddress(c, next) {
  await count(c, [WITHOUT_KEY])
  await next()
}

/** Whether this address sent so many bad keys that one more is not worth looking up. */
export function isShutOut(c: AppContext): boolean {
  // Without this, every request from IPv6 would have its address parsed for nothing.
  return !FAILED.refusals.is_empty && FAILED.refusals.isRefused(originOf(c), c.var.deps.now())
}

/** The answer to who is shut out. */
export function shutOut(): ProblemError {
  return tooMany(FAILED)
}

/**
 * Counts a request whose key was not good.
 * @param has_key false when none was sent, which is no guess
 * @throws ProblemError `rate_limited`
 */
export function countUnauthenticated(c: AppContext, has_key: boolean): Promise<void> {
  return count(c, has_key ? [FAILED, WITHOUT_KEY] : [WITHOUT_KEY])
}

async function count(c: AppContext, limits: readonly AddressLimit[]): Promise<void> {
  const origin = originOf(c)
  const are_within = await Promise.all(limits.map((limit) => isWithin(c, limit, origin)))
  const broken = limits.find((_limit, i) => are_within[i] === false)
  if (broken !== undefined) throw tooMany(broken)
}

/** A limiter that fails never blocks anybody. */
async function isWithin(c: AppContext, limit: AddressLimit, origin: string): Promise<boolean> {
  const now = c.var.deps.now()
  if (limit.refusals.isRefused(origin, now)) return false
  try {
    const { success } = await c.env[limit.binding].limit({ key: origin })
    if (!success) limit.refusals.remember(origin, now + limit.period_s * 1000)
    return success
  } catch (error) {
    report(c.var.deps, 'rate_limit.failed', error, { limiter: limit.name })
    return true
  }
}

/** Whoever has one IPv6 address has the 2^64 of its network, and could have a bucket for each. */
function originOf(c: AppContext): string {
  return subnetOf(addressOf(c) ?? '') ?? UNKNOWN
}

function tooMany({ detail, period_s }: AddressLimit): ProblemError {
  return new ProblemError(problem('rate_limited', detail, { headers: { 'retry-after': String(period_s) } }))
}
