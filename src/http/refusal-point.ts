import { routePath } from 'hono/route'
import { writePoints } from '../data-points.ts'
import type { AppContext } from './context.ts'
import { PROBLEMS, type Problem } from './problems.ts'

/** A data point for a request that was answered with a problem, whoever's fault it was. */
export function noteRefusedRequest(c: AppContext, { code }: Pick<Problem, 'code'>): void {
  // Some are refused before there is anything to work with.
  const waitUntil = (work: Promise<unknown>) => c.executionCtx.waitUntil(work)
  writePoints({ env: c.env, waitUntil }, [
    {
      kind: 'refusal',
      // Not the tenant of the path, which anybody may write.
      tenant_id: c.var.access?.tenant?.id ?? '',
      event_type: '',
      outcome: code,
      route: `${c.req.method} ${routePath(c)}`,
      source_id: '',
      count: 1,
      duration_ms: 0,
      status: PROBLEMS[code].status,
      deliveries: 0,
    },
  ])
}
