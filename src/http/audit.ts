import type { MiddlewareHandler } from 'hono'
import { isAudited } from '../audit/audited.ts'
import type { AppEnv } from './context.ts'

/**
 * Holds a route to what its contract says: that it leaves an entry in the audit log.
 * @throws Error when it was forgotten, which is a bug of the route
 */
export const demandAudit: MiddlewareHandler<AppEnv> = async (c, next) => {
  await next()
  if (c.res.ok && !isAudited(c.var.deps.author)) throw new Error(`${c.req.method} ${c.req.path} was not audited`)
}
