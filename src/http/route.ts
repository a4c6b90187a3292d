import { createRoute, type RouteConfig, z } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { type Access, findAccess } from './access.ts'
import type { AppContext, AppEnv } from './context.ts'
import { isPermitted, type Permission } from './permissions.ts'
import { PROBLEMS, type ProblemCode, ProblemError, problem } from './problems.ts'

const BODY_BYTES_MAX = 1024 * 1024

const problemSchema = z
  .object({
    type: z.string().openapi({ example: 'https://postern.dev/problems/not_found' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]),
    request_id: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .openapi('Problem', { description: 'An error as RFC 9457 has it; `code` is stable.' })

const problemAnswer = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: problemSchema } },
})

interface Rule {
  /** Who may: a permission of `permissions.ts`, or `public` for everybody. */
  permission: Permission | 'public'
  body_bytes_max?: number
}

type Contract<P extends string> = Omit<RouteConfig, 'path' | 'middleware' | 'security'> & { path: P }

/**
 * A route's contract: what OpenAPI says of it, and who may use it. There is no way to write a route
 * without saying the latter.
 */
export function defineRoute<P extends string, C extends Contract<P>>(contract: C & Rule) {
  const { permission, body_bytes_max = BODY_BYTES_MAX, ...described } = contract
  const is_public = permission === 'public'
  const body = contract.request?.body
  const has_body = body !== undefined
  const route = {
    ...described,
    security: is_public ? [] : [{ apiKey: [] }],
    'x-permission': permission,
    middleware: [
      ...(is_public ? [] : [authorize(permission)]),
      ...(has_body ? [limitBody(body_bytes_max), requireJson(body.required === true)] : []),
    ],
    responses: {
      ...(!is_public && {
        401: problemAnswer('No valid API key'),
        403: problemAnswer('The API key may not do this'),
        404: problemAnswer('Not there, or not yours'),
        429: problemAnswer('Too many requests, or too much in store'),
        503: problemAnswer('A part that is needed does not answer'),
      }),
      ...(has_body && { 413: problemAnswer('The body is too large'), 415: problemAnswer('The body is not JSON') }),
      ...(contract.request !== undefined && { 400: problemAnswer('Malformed'), 422: problemAnswer('Not valid') }),
      ...contract.responses,
    },
  }
  // Typed by the contract alone: handlers answer what it promises, everything else is a ProblemError.
  return createRoute<P, C>(route as unknown as C)
}

/** Finds out who asks, and lets through who may. */
function authorize(permission: Permission): MiddlewareHandler<AppEnv> {
  return async function authorize(c, next) {
    const tenant_id = c.req.param('tenant') ?? null
    const access = await authenticate(c, tenant_id)
    // A foreign tenant looks like one that does not exist, so that nobody can find out who else is here.
    const is_foreign = access.principal.tenant_id !== null && access.principal.tenant_id !== tenant_id
    if (tenant_id !== null && (is_foreign || access.tenant === null)) {
      throw new ProblemError(problem('not_found', 'there is no such tenant'))
    }
    if (!isPermitted(access.principal.role, permission)) {
      throw new ProblemError(problem('forbidden', `this needs the permission ${permission}`))
    }
    c.set('access', access)
    await next()
  }
}

async function authenticate(c: AppContext, tenant_id: string | null): Promise<Access> {
  const [scheme, key] = (c.req.header('authorization') ?? '').split(' ')
  const access =
    scheme?.toLowerCase() === 'bearer' && key !== undefined ? await findAccess(c.var.deps, key, tenant_id) : null
  if (access === null) {
    const headers = { 'www-authenticate': 'Bearer' }
    throw new ProblemError(problem('unauthorized', 'send a valid key as "Authorization: Bearer pst_…"', { headers }))
  }
  await limitRate(c, access)
  return access
}

const RATE_LIMIT_PERIOD_S = 10

/** A limiter that fails never blocks anybody. */
async function limitRate(c: AppContext, { principal }: Access): Promise<void> {
  let is_allowed = true
  try {
    is_allowed = (await c.env.REQUEST_LIMIT.limit({ key: principal.key_id })).success
  } catch (error) {
    console.warn(JSON.stringify({ message: 'rate_limit.failed', error: String(error) }))
  }
  if (!is_allowed) {
    const headers = { 'retry-after': String(RATE_LIMIT_PERIOD_S) }
    throw new ProblemError(problem('rate_limited', 'this key sends too many requests', { headers }))
  }
}

function limitBody(bytes_max: number): MiddlewareHandler {
  return bodyLimit({
    maxSize: bytes_max,
    onError: () => {
      throw new ProblemError(problem('payload_too_large', `a body here may have ${bytes_max} bytes`))
    },
  })
}

function requireJson(is_required: boolean): MiddlewareHandler {
  return async function requireJson(c, next) {
    const type = c.req.header('content-type')
    const is_empty = type === undefined && c.req.raw.body === null
    // The validator would take a body that is not there for an empty object, and that may mean "all of them".
    if (is_empty && is_required) throw new ProblemError(problem('invalid_request', 'a JSON body is required'))
    if (!is_empty && !/^application\/json(\s*;|$)/i.test(type ?? '')) {
      throw new ProblemError(problem('unsupported_media_type', 'send the body with content-type: application/json'))
    }
    // Many clients name the type of a body that they do not send. The validator reads what is cached here.
    if (!is_required && (await c.req.text()) === '') {
      Object.assign(c.req.bodyCache, { text: Promise.resolve('{}') })
    }
    await next()
  }
}

/** The tenant of the path; there is one behind every route whose path names one. */
export function tenantOf(c: AppContext) {
  const { tenant } = c.var.access
  if (tenant === null) throw new Error('this route has no tenant in its path')
  return tenant
}

export const tenantParam = z.object({
  tenant: z
    .string()
    .openapi({ param: { name: 'tenant', in: 'path' }, example: 'acme', description: 'Id of the tenant' }),
})

/** A JSON body that must be there. */
export function jsonBody<S extends z.ZodType>(schema: S) {
  return { required: true as const, content: { 'application/json': { schema } } }
}

/** A JSON body that may be left out. */
export function optionalJsonBody<S extends z.ZodType>(schema: S) {
  return { required: false as const, content: { 'application/json': { schema } } }
}

/** An answer in JSON. */
export function jsonAnswer<S extends z.ZodType>(schema: S, description: string) {
  return { description, content: { 'application/json': { schema } } }
}
