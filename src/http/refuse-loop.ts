import type { MiddlewareHandler } from 'hono'
import type { AppEnv } from './context.ts'
import { ProblemError, problem } from './problems.ts'

/**
 * Refuses what an attempt of Postern sends, which says so (`postern-attempt`; an endpoint's own headers cannot
 * replace it). An endpoint whose URL is the API itself, with a key in its headers and a transform that makes a
 * message of a message, would publish for ever; two of them, twice as much each time.
 */
export const refuseLoop: MiddlewareHandler<AppEnv> = async function refuseLoop(c, next) {
  if (c.req.header('postern-attempt') !== undefined)
    throw new ProblemError(problem('loop_detected', 'Postern does not call its own API'))
  await next()
}
