import { OpenAPIHono } from '@hono/zod-openapi'
import type { AppEnv } from './context.ts'
import { refuseIssues } from './issues.ts'
import { ProblemError } from './problems.ts'

/** A router whose contracts refuse what does not fit, saying which member and why. */
export function createRouter() {
  return new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (!result.success) throw new ProblemError(refuseIssues(result.error.issues))
    },
  })
}
