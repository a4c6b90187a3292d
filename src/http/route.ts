import { createRoute, type RouteConfig, z } from '@hono/zod-openapi'
import { demandAudit } from './audit.ts'
import { authorize } from './authorize.ts'
import { limitBody, requireJson } from './json-body.ts'
import type { Permission } from './permissions.ts'
import { PROBLEMS, type ProblemCode, typeOf } from './problems.ts'

/** Headers of an answer that shows a secret: it must stay in no cache. */
export const UNCACHED = { 'cache-control': 'no-store' }

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

interface Rule {
  /** Who may: a permission of `permissions.ts`, or `public` for everybody. */
  permission: Permission | 'public'
  body_bytes_max?: number
  /** Whether it leaves an entry in the audit log; unless said, everything but `GET` does. */
  is_audited?: boolean
}

type Contract<P extends string> = Omit<RouteConfig, 'path' | 'middleware' | 'security'> & { path: P }

/**
 * A route's contract: what OpenAPI says of it, and who may use it. There is no way to write a route
 * without saying the latter.
 */
export function defineRoute<P extends string, C extends Contract<P>>(contract: C & Rule) {
  const { permission, body_bytes_max = BODY_BYTES_MAX, is_audited = contract.method !== 'get', ...described } = contract
  const is_public = permission === 'public'
  const body = contract.request?.body
  const has_body = body !== undefined
  const route = {
    ...described,
    security: is_public ? [] : [{ apiKey: [] }],
    'x-permission': permission,
    'x-audited': is_audited,
    middleware: [
      ...(is_public ? [] : [authorize(permission)]),
      ...(is_audited ? [demandAudit] : []),
      ...(has_body ? [limitBody(body_bytes_max), requireJson(body.required === true)] : []),
    ],
    responses: {
      ...(!is_public && {
        401: problemAnswer('No valid API key'),
        403: problemAnswer('The API key may not do this'),
        404: problemAnswer('Not there, or not yours'),
        ...(contract.method !== 'get' && { 409: problemAnswer('The present state does not allow it') }),
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
