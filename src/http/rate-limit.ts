import { log } from '../lib/log.ts'
import type { Access } from './access.ts'
import type { AppContext } from './context.ts'
import { ProblemError, problem } from './problems.ts'

/** As wrangler.toml has it. */
const RATE_LIMIT_PERIOD_S = 10

/**
 * Counts a request of this key. A limiter that fails never blocks anybody.
 * @throws ProblemError `rate_limited`
 */
export async function limitRate(c: AppContext, { principal }: Access): Promise<void> {
  let is_allowed = true
  try {
    is_allowed = (await c.env.REQUEST_LIMIT.limit({ key: principal.key_id })).success
  } catch (error) {
    log('warn', 'rate_limit.failed', { error })
  }
  if (!is_allowed) {
    const headers = { 'retry-after': String(RATE_LIMIT_PERIOD_S) }
    throw new ProblemError(problem('rate_limited', 'this key sends too many requests', { headers }))
  }
}
