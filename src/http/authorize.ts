import type { MiddlewareHandler } from 'hono'
import { type Access, findAccess, isFromAllowed, isKnown, type Tenant, type TenantAccess } from './access.ts'
import { countUnauthenticated, isShutOut, shutOut } from './address-limit.ts'
import { addressOf, authorOf } from './caller.ts'
import type { AppContext, AppEnv } from './context.ts'
import { noteUse } from './last-use.ts'
import { isPermitted, type Permission } from './permissions.ts'
import { ProblemError, problem } from './problems.ts'
import { limitRate } from './rate-limit.ts'
import { noteForeignTenant } from './request-log.ts'

/** RFC 9110, section 11.4, and RFC 6750, section 2.1. */
const BEARER = /^Bearer +([!-~]+)$/i

/** Finds out who asks, and lets through who may. */
export function authorize(permission: Permission): MiddlewareHandler<AppEnv> {
  return async function authorize(c, next) {
    const tenant_id = c.req.param('tenant') ?? null
    const access = await authenticate(c, tenant_id, permission)
    // A foreign tenant looks like one that does not exist, so that nobody can find out who else is here.
    const is_foreign = access.principal.tenant_id !== null && access.principal.tenant_id !== tenant_id
    if (tenant_id !== null && (is_foreign || access.tenant === null)) {
      if (is_foreign) noteForeignTenant(c)
      throw new ProblemError(problem('not_found', 'there is no such tenant'))
    }
    if (!isPermitted(access.principal, permission)) {
      throw new ProblemError(problem('forbidden', `this needs the permission ${permission}`))
    }
    c.set('deps', { ...c.var.deps, author: authorOf(c, access.principal) })
    await next()
  }
}

async function authenticate(c: AppContext, tenant_id: string | null, permission: Permission): Promise<Access> {
  const key = BEARER.exec(c.req.header('authorization') ?? '')?.[1]
  // Who shares an address with somebody who guesses goes on with a key that is known here already.
  if (key !== undefined && isShutOut(c) && !(await isKnown(c.var.deps, key, tenant_id))) throw shutOut()
  const access = key === undefined ? null : await findAccess(c.var.deps, key, tenant_id, permission)
  if (access === null) {
    await countUnauthenticated(c, key !== undefined)
    const headers = { 'www-authenticate': 'Bearer' }
    throw new ProblemError(problem('unauthorized', 'send a valid key as "Authorization: Bearer pst_…"', { headers }))
  }
  // From here on it is known who is refused.
  c.set('access', access)
  // First, so that who stole a key and cannot use it does not use up what its owner may send.
  if (!isFromAllowed(access.principal, addressOf(c))) {
    await countUnauthenticated(c, true)
    throw new ProblemError(problem('address_not_allowed', 'the ip_allowlist of this key does not have your address'))
  }
  await limitRate(c, access)
  noteUse(c.var.deps, access.principal)
  return access
}

/** Who asks, about which tenant; behind every route whose path names one. */
export function tenantAccess(c: AppContext): TenantAccess {
  const { tenant, ...access } = c.var.access
  if (tenant === null) throw new Error('this route has no tenant in its path')
  return { ...access, tenant }
}

/** The tenant of the path. */
export function tenantOf(c: AppContext): Tenant {
  return tenantAccess(c).tenant
}
