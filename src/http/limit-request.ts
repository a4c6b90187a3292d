import type { MiddlewareHandler } from 'hono'
import type { AppEnv } from './context.ts'
import { ProblemError, problem } from './problems.ts'

/** A cursor and an id are the longest that anybody has to write here. The platform itself stops at 16 KiB. */
const URL_LENGTH_MAX = 8192

/** Several times what clients and the proxies before us send. The platform knows no number, and 128 KiB in all. */
const HEADERS_MAX = 100
const HEADERS_LENGTH_MAX = 32 * 1024

/** Refuses a request whose URL or headers are larger than any that makes sense, before anything is made of them. */
export const limitRequest: MiddlewareHandler<AppEnv> = async function limitRequest(c, next) {
  if (c.req.url.length > URL_LENGTH_MAX)
    throw new ProblemError(problem('uri_too_long', `a URL here may have ${URL_LENGTH_MAX} characters`))
  let count = 0
  let length = 0
  for (const [name, value] of c.req.raw.headers) {
    count++
    length += name.length + value.length
  }
  if (count > HEADERS_MAX || length > HEADERS_LENGTH_MAX) {
    const detail = `a request may have ${HEADERS_MAX} headers, and ${HEADERS_LENGTH_MAX} characters in them`
    throw new ProblemError(problem('headers_too_large', detail))
  }
  await next()
}
