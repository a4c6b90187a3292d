/** What the log says of requests: who was refused, and, at the level debug, everything. Never a path, which holds ids, nor a header. */
import type { MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import { type Fields, log } from '../lib/log.ts'
import { Tally } from '../lib/tally.ts'
import { addressOf } from './caller.ts'
import type { AppContext, AppEnv } from './context.ts'
import { PROBLEMS, type Problem } from './problems.ts'

/** Whoever tries keys or floods us must not fill the log, and with it the bill. */
const REFUSALS_WRITTEN = 50

const refusals = new Tally(REFUSALS_WRITTEN)

/** Statuses that say: not you, not from there, not so often. */
const GUARDED: ReadonlySet<number> = new Set([401, 403, 429])

/** These refuse messages, not callers. */
const OF_MESSAGES: ReadonlySet<string> = new Set(['endpoint_full', 'quota_exceeded'])

/** Notes a refusal that an attack would run into; of the others nothing is said. */
export function noteRefusal(c: AppContext, { code }: Pick<Problem, 'code'>): void {
  if (GUARDED.has(PROBLEMS[code].status) && !OF_MESSAGES.has(code)) write(c, code)
}

/** A key was used for a tenant that is not its own. The caller is told that there is none. */
export function noteForeignTenant(c: AppContext): void {
  write(c, 'foreign_tenant')
}

function write(c: AppContext, code: string): void {
  const times = refusals.count(code, c.var.deps.now())
  if (times === null) return
  log('warn', 'auth.refused', { code, address: addressOf(c), ...fieldsOf(c), ...(times > 1 && { times }) })
}

/** By what a request is found again: its id, its trace, its route as the API reference has it, its tenant and key. */
export function fieldsOf(c: AppContext): Fields {
  return {
    request_id: c.var.requestId,
    // Not there yet when the request is refused before anything is prepared.
    trace_id: c.var.deps?.trace?.trace_id,
    method: c.req.method,
    route: routePath(c),
    tenant_id: c.req.param('tenant'),
    key_id: c.var.access?.principal.key_id,
  }
}

/** A line for every request: for a person who looks for something. */
export const logAnswers: MiddlewareHandler<AppEnv> = async (c, next) => {
  const started_at = Date.now()
  await next()
  log('debug', 'request.answered', {
    ...fieldsOf(c),
    route: routePath(c, -1),
    status: c.res.status,
    duration_ms: Date.now() - started_at,
  })
}
