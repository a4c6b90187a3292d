import { OpenAPIHono } from '@hono/zod-openapi'
import type { AppEnv } from './context.ts'
import { ProblemError, problem } from './problems.ts'

/** A router whose contracts refuse what does not fit, saying which member and why. */
export function createRouter() {
  return new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (result.success) return
      const errors = result.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }))
      const [first] = errors
      const detail =
        first === undefined ? 'it does not fit its schema' : [first.path, first.message].filter(Boolean).join(': ')
      throw new ProblemError(problem('invalid_request', detail, { errors }))
    },
  })
}
