import { z } from '@hono/zod-openapi'
import { record } from '../audit/audited.ts'
import { tenantOf } from '../http/authorize.ts'
import { type AppContext, unwrap } from '../http/context.ts'
import { isPermitted } from '../http/permissions.ts'
import { ProblemError, problem } from '../http/problems.ts'

/** Ids are shorter; what is asked for may be anything. */
const TARGET_LENGTH_MAX = 100

/** A member of the query of every route that shows content. */
export const revealQuery = z.object({
  reveal: z.enum(['true', 'false']).default('false').openapi({
    description: 'Whether to show what the type or the tenant has redacted; needs `payload.reveal`',
    'x-permission': 'payload.reveal',
  }),
})

/** Whether the caller may see what is redacted. */
export function canReveal(c: AppContext): boolean {
  return isPermitted(c.var.access.principal, 'payload.reveal')
}

/**
 * Whether the caller wants content as it is, and may.
 * @throws ProblemError `forbidden` when it may not: half an answer would look like the whole
 */
export function wantsReveal(c: AppContext, { reveal }: z.output<typeof revealQuery>): boolean {
  if (reveal === 'false') return false
  if (!canReveal(c)) throw new ProblemError(problem('forbidden', 'reveal needs the permission payload.reveal'))
  return true
}

/**
 * The same for one message or delivery of the tenant, with an entry in the audit log before anything is shown.
 * @throws ProblemError
 */
export async function isRevealed(c: AppContext, query: z.output<typeof revealQuery>, target: string): Promise<boolean> {
  if (!wantsReveal(c, query)) return false
  const entry = { action: 'payload.reveal', target: target.slice(0, TARGET_LENGTH_MAX) } as const
  unwrap(await record(c.var.deps, tenantOf(c).id, entry))
  return true
}
