import { DrizzleQueryError } from 'drizzle-orm/errors'
import type { ErrorHandler, NotFoundHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { isOutage, Outage } from '../lib/outage.ts'
import { report } from '../report.ts'
import type { AppEnv } from './context.ts'
import { PROBLEMS, type Problem, ProblemError, problem, problemResponse } from './problems.ts'
import { noteRefusedRequest } from './refusal-point.ts'
import { fieldsOf, noteRefusal } from './request-log.ts'

const METHODS = ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'] as const

/** Turns whatever stopped a handler into an answer; what nobody expected is reported, and kept from the caller. */
export const answerError: ErrorHandler<AppEnv> = (error, c) => {
  const answer = toProblem(error)
  noteRefusedRequest(c, answer)
  if (PROBLEMS[answer.code].status < 500) noteRefusal(c, answer)
  else {
    const at = { env: c.env, waitUntil: (work: Promise<unknown>) => c.executionCtx.waitUntil(work) }
    // A verb that says so itself has logged the cause; here is the request that it cost.
    const cause = error instanceof ProblemError ? new Outage(error.message) : error
    const fields = { code: answer.code, ...fieldsOf(c) }
    report(at, answer.code === 'internal' ? 'request.internal' : 'request.unavailable', cause, fields)
  }
  return problemResponse(answer, c.var.requestId)
}

function toProblem(error: Error): Problem {
  if (error instanceof ProblemError) return error.problem
  if (error instanceof HTTPException && error.status === 400)
    return problem('invalid_json', 'the body cannot be parsed as JSON')
  if (error instanceof HTTPException && error.status === 415)
    return problem('unsupported_media_type', 'send the body with content-type: application/json')
  const headers = { 'retry-after': '5' }
  if (isStorageError(error)) return problem('unavailable', 'the database does not answer; try again soon', { headers })
  if (isObjectError(error)) return problem('unavailable', 'the endpoint does not answer; try again soon', { headers })
  if (isOutage(error))
    return problem('unavailable', 'a part that is needed does not answer; try again soon', { headers })
  return problem('internal', 'this was logged under the request id')
}

/** D1 names itself in its messages, and drizzle wraps what D1 throws. */
function isStorageError(error: Error): boolean {
  return error instanceof DrizzleQueryError || error.message.startsWith('D1_')
}

/** What the platform throws for a Durable Object carries these marks ("Error handling" of its documentation). */
function isObjectError(error: Error): boolean {
  return 'retryable' in error || 'overloaded' in error || 'durableObjectReset' in error
}

/** 404, or 405 when the path is there for other methods. */
export const answerNotFound =
  (routes: () => readonly { method: string; path: string }[]): NotFoundHandler<AppEnv> =>
  (c) => {
    const there = routes().filter(({ path }) => matches(path, c.req.path))
    // What is named is more than what a parameter would take for an id: `messages/batch` is no message.
    const parameters = Math.min(...there.map(({ path }) => parametersOf(path)))
    const allowed = METHODS.filter((method) =>
      there.some((route) => route.method === method && parametersOf(route.path) === parameters),
    )
    if (allowed.length === 0)
      return problemResponse(problem('not_found', 'there is nothing at this path'), c.var.requestId)
    const headers = { allow: allowed.join(', ') }
    return problemResponse(problem('method_not_allowed', `use ${allowed.join(' or ')}`, { headers }), c.var.requestId)
  }

function parametersOf(pattern: string): number {
  return pattern.split(':').length - 1
}

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/')
  const given = path.split('/')
  // As the router has it: a parameter is never empty.
  return (
    wanted.length === given.length &&
    wanted.every((segment, i) => (segment.startsWith(':') ? given[i] !== '' : segment === given[i]))
  )
}
