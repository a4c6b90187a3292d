/** What a route takes from its URL: parameters that can name something, and no query that it does not know. */
import type { MiddlewareHandler } from 'hono'
import type { AppEnv } from './context.ts'
import { ProblemError, problem } from './problems.ts'

/** Whatever has a name in a path has it in these: slugs, ids, a delivery's two ids, event types, versions. */
const NAMEABLE = /^[A-Za-z0-9._-]{1,128}$/

/** Answers as for any path that is not there, before anybody is asked whether they may know what is. */
export const refuseUnnameable: MiddlewareHandler<AppEnv> = async function refuseUnnameable(c, next) {
  for (const value of Object.values(c.req.param() as Record<string, string>))
    if (!NAMEABLE.test(value)) throw new ProblemError(problem('not_found', 'there is nothing at this path'))
  await next()
}

/**
 * Refuses parameters that the route does not know, as unknown members of a body are: who mistypes
 * `state` must not get everything. And those that are there twice, of which others might read the other one.
 */
export function limitQuery(known: readonly string[]): MiddlewareHandler<AppEnv> {
  return async function limitQuery(c, next) {
    const { url } = c.req
    if (url.includes('?')) {
      const names = [...new URL(url).searchParams.keys()]
      const errors = [...new Set(names)].flatMap((name) => {
        if (!known.includes(name)) return [{ path: name, message: 'there is no such parameter here' }]
        return names.indexOf(name) === names.lastIndexOf(name) ? [] : [{ path: name, message: 'is there twice' }]
      })
      const [first] = errors
      if (first !== undefined)
        throw new ProblemError(problem('invalid_request', `${first.path}: ${first.message}`, { errors }))
    }
    await next()
  }
}
