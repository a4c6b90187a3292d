/**
 * What every handler has: `c.var.deps` to work with and, behind `defineRoute`, `c.var.access` for who
 * asks and which tenant it is about.
 *
 * How a domain is written: `contract.ts` holds the schemas; `routes.ts` the routes (`defineRoute`, which
 * names the permission) and thin handlers; each verb is a file of its own, takes `deps` first, knows no
 * HTTP and answers a `Result<…, Problem>` where it can be refused; the handler says
 * `unwrap(await verb(c.var.deps, …))`.
 */
import type { Context } from 'hono'
import type { Deps } from '../deps.ts'
import type { Bindings } from '../env.ts'
import type { Result } from '../lib/result.ts'
import type { Access } from './access.ts'
import { type Problem, ProblemError } from './problems.ts'

export interface AppEnv {
  Bindings: Bindings
  Variables: {
    requestId: string
    deps: Deps
    access: Access
  }
}

export type AppContext = Context<AppEnv>

/** The value of a result; a refusal becomes the answer. */
export function unwrap<T>(result: Result<T, Problem>): T {
  if (!result.ok) throw new ProblemError(result.error)
  return result.value
}
