import { report } from '../report.ts'
import type { Access } from './access.ts'
import type { AppContext } from './context.ts'
import { ProblemError, problem } from './problems.ts'
import { Refusals } from './refusals.ts'

/** As wrangler.toml has it. */
const RATE_LIMIT_PERIOD_S = 10

/**
 * So many requests share one question to the limiter, and its limit in wrangler.toml is that part of what
 * a key may send. Asking for each would be a call to another service on the path of every request.
 */
const REQUESTS_PER_QUESTION = 8

/**
 * Keeps one key from taking everybody's share: a limit against abuse, not a quota. Which requests are
 * counted is left to chance, so a key is stopped within a few percent of the limit, and the exact number
 * is no one's promise. Once refused, a key is refused as long as it was told to wait.
 */
export class SampledLimit {
  private readonly random: () => number
  private readonly refusals = new Refusals()

  /** @param random from 0 to below 1 */
  constructor(random: () => number) {
    this.random = random
  }

  /**
   * @param ask counts a request of this key; false when it was one too many
   * @param now Unix milliseconds
   * @throws what `ask` throws
   */
  async allows(key: string, ask: (key: string) => Promise<boolean>, now: number): Promise<boolean> {
    if (this.refusals.isRefused(key, now)) return false
    if (this.random() * REQUESTS_PER_QUESTION >= 1 || (await ask(key))) return true
    this.refusals.remember(key, now + RATE_LIMIT_PERIOD_S * 1000)
    return false
  }
}

const limit = new SampledLimit(() => Math.random())

/**
 * Counts a request of this key, and tells it what it may send. A limiter that fails never blocks anybody.
 * @throws ProblemError `rate_limited`
 */
export async function limitRate(c: AppContext, { principal }: Access): Promise<void> {
  const ask = async (key: string) => (await c.env.REQUEST_LIMIT.limit({ key })).success
  let is_allowed = true
  try {
    is_allowed = await limit.allows(principal.key_id, ask, c.var.deps.now())
  } catch (error) {
    report(c.var.deps, 'rate_limit.failed', error, { limiter: 'request' })
  }
  const { requests_per_key } = c.var.deps.settings
  const policy = `"requests";q=${requests_per_key};w=${RATE_LIMIT_PERIOD_S}`
  if (!is_allowed) {
    const headers = {
      'retry-after': String(RATE_LIMIT_PERIOD_S),
      ...(requests_per_key !== undefined && { 'ratelimit-policy': policy }),
    }
    throw new ProblemError(problem('rate_limited', 'this key sends too many requests', { headers }))
  }
  // No `RateLimit` beside it: how much is left is known to the limiter alone, and it does not say.
  if (requests_per_key !== undefined) c.header('ratelimit-policy', policy)
}
