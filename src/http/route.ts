import { createRoute, type RouteConfig, z } from '@hono/zod-openapi'
import { limitAddress } from './address-limit.ts'
import { demandAudit } from './audit.ts'
import { authorize } from './authorize.ts'
import { takeJson } from './json-body.ts'
import { limitQuery, refuseUnnameable } from './limit-url.ts'
import type { Permission, SensitivePermission } from './permissions.ts'
import { PROBLEMS, type ProblemCode, typeOf } from './problems.ts'
import { refuseLoop } from './refuse-loop.ts'
import { requireStepUp, STEP_UP_HEADER } from './step-up.ts'

const BODY_BYTES_MAX = 1024 * 1024

/** What is wrong with which member of a request. */
export const problemErrors = z.array(z.object({ path: z.string(), message: z.string() }))

const problemSchema = z
  .object({
    type: z.string().openapi({ example: typeOf('not_found'), format: 'uri-reference' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]),
    request_id: z.string(),
    errors: problemErrors.optional(),
  })
  .openapi('Problem', { description: 'An error as RFC 9457 has it; `code` is stable.' })

const problemAnswer = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: problemSchema } },
})

/** Whether a route asks for a one-time code: of every request, or of some, in its handler (`demandStepUp`). */
type StepUp = 'always' | 'conditional'

/** Who may: a permission of `permissions.ts`, or `public` for everybody. With one that is sensitive goes when it asks. */
type Rule = {
  body_bytes_max?: number
  /** False for a public route with limits of its own, whose callers share addresses. */
  limits_address?: boolean
  /** Whether it leaves an entry in the audit log; unless said, everything but `GET` does. */
  is_audited?: boolean
} & (
  | { permission: SensitivePermission; step_up: StepUp }
  | { permission: Exclude<Permission, SensitivePermission> | 'public'; step_up?: never }
)

const STEP_UP_TEXT: Record<StepUp, string> = {
  always: 'A current one-time code, of a key that is enrolled',
  conditional: 'A current one-time code, of a key that is enrolled, where the request is a sensitive one',
}

/** The contract of a request with the header of the code in it. */
function withCode(request: RouteConfig['request'], step_up: StepUp): RouteConfig['request'] {
  const { headers = z.object({}) } = request ?? {}
  if (!(headers instanceof z.ZodObject)) throw new Error('headers are an object here, so that one can be added')
  const code = z.string().optional().openapi({ example: '123456', description: STEP_UP_TEXT[step_up] })
  return { ...request, headers: headers.extend({ [STEP_UP_HEADER.toLowerCase()]: code }) }
}

type Contract<P extends string> = Omit<RouteConfig, 'path' | 'middleware' | 'security'> & { path: P }

/**
 * A route's contract: what OpenAPI says of it, and who may use it. There is no way to write a route
 * without saying the latter.
 */
export function defineRoute<P extends string, C extends Contract<P>>(contract: C & Rule) {
  const { permission, step_up, body_bytes_max = BODY_BYTES_MAX, limits_address = true, ...more } = contract
  const { is_audited = contract.method !== 'get', ...described } = more
  const is_public = permission === 'public'
  const body = contract.request?.body
  const has_json = body?.content['application/json'] !== undefined
  const route = {
    ...described,
    ...(step_up !== undefined && {
      'x-step-up': step_up,
      request: withCode(contract.request, step_up),
    }),
    security: is_public ? [] : [{ apiKey: [] }],
    'x-permission': permission,
    'x-audited': is_audited,
    middleware: [
      // Monitors add a number to the URLs of public routes, which read no query.
      ...(is_public
        ? limits_address
          ? [limitAddress]
          : []
        : [refuseLoop, refuseUnnameable, authorize(permission), limitQuery(queryNames(contract))]),
      ...(is_audited ? [demandAudit] : []),
      ...(has_json ? [takeJson(body_bytes_max, body.required === true)] : []),
      // Last, since it uses a code up.
      ...(step_up === 'always' ? [requireStepUp] : []),
    ],
    responses: {
      414: problemAnswer('The URL is too long'),
      431: problemAnswer('The headers are too large'),
      429: problemAnswer('Too many requests, or too much in store'),
      ...(!is_public && {
        401: problemAnswer('No valid API key'),
        403: problemAnswer('The API key may not do this'),
        404: problemAnswer('Not there, or not yours'),
        ...(contract.method !== 'get' && { 409: problemAnswer('The present state does not allow it') }),
        // Also where nothing is asked for: a query that no route knows is refused.
        422: problemAnswer('Not valid'),
        503: problemAnswer('A part that is needed does not answer'),
        508: problemAnswer('An attempt of Postern called its own API'),
      }),
      ...(has_json && {
        408: problemAnswer('The body came too slowly'),
        413: problemAnswer('The body is too large'),
        415: problemAnswer('The body is not JSON'),
      }),
      ...(contract.request !== undefined && { 400: problemAnswer('Malformed') }),
      ...contract.responses,
    },
  }
  // Typed by the contract alone: handlers answer what it promises, everything else is a ProblemError.
  return createRoute<P, C>(route as unknown as C)
}

function queryNames({ request }: Pick<RouteConfig, 'request'>): string[] {
  return request?.query instanceof z.ZodObject ? Object.keys(request.query.shape) : []
}

/** Path of every route about a tenant. */
export const tenantParam = z.object({
  tenant: z
    .string()
    .openapi({ param: { name: 'tenant', in: 'path' }, example: 'acme', description: 'Id of the tenant' }),
})

/** An answer in JSON. */
export function jsonAnswer<S extends z.ZodType>(schema: S, description: string) {
  return { description, content: { 'application/json': { schema } } }
}
