import type { MiddlewareHandler } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import type { AppEnv } from './context.ts'

/** What a browser may do with an answer that is data: nothing. */
const DATA_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const fixed = secureHeaders({
  // Two years, as hstspreload.org asks.
  strictTransportSecurity: 'max-age=63072000; includeSubDomains',
  xFrameOptions: 'DENY',
  // For browsers that are gone, and for pages, of which there is one without anything from elsewhere.
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
  removePoweredBy: false,
})

/**
 * Security headers on every answer, refusals and errors too. No cache may keep one, since each is for one key.
 * There is no `Access-Control` header: no page of another origin may read what is here.
 */
export const securityHeaders: MiddlewareHandler<AppEnv> = async function securityHeaders(c, next) {
  await fixed(c, next)
  const { headers } = c.res
  headers.set('cache-control', 'no-store')
  // A page brings a policy of its own.
  if (!headers.has('content-security-policy')) headers.set('content-security-policy', DATA_POLICY)
}
