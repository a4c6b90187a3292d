import type { MiddlewareHandler } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import type { AppEnv } from './context.ts'

/** What a browser may do with an answer that is data: nothing. A page brings a policy of its own. */
const policy = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
  xFrameOptions: 'DENY',
  // Two years, as hstspreload.org asks.
  strictTransportSecurity: 'max-age=63072000; includeSubDomains',
  overwrite: false,
})

/**
 * Security headers on every answer, refusals and errors too. No answer may be kept by a cache, since each is for
 * one key. There is no `Access-Control` header: no page of another origin may read what is here.
 */
export const securityHeaders: MiddlewareHandler<AppEnv> = async function securityHeaders(c, next) {
  await policy(c, next)
  if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store')
}
