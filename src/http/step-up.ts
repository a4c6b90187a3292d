import type { MiddlewareHandler } from 'hono'
import { demandCode } from '../step-up/demand-code.ts'
import { policyFor } from '../step-up/policy.ts'
import { type AppContext, type AppEnv, unwrap } from './context.ts'

/** The header that a one-time code comes in. */
export const STEP_UP_HEADER = 'Postern-Totp'

/** The code that came with the request, as it was sent. */
export function codeOf(c: AppContext): string | undefined {
  return c.req.header(STEP_UP_HEADER)
}

/**
 * Goes on only for whoever verifies themselves beyond their key, if that is demanded of it. A code is used up by
 * this, so it comes once a request and after what can be refused without it.
 * @throws ProblemError `totp_required`, `totp_invalid`, `totp_locked` or `totp_enrolment_required`
 */
export async function demandStepUp(c: AppContext): Promise<void> {
  const { deps, access } = c.var
  const is_required = policyFor(deps, access.principal, access.tenant) === 'required'
  unwrap(await demandCode(deps, access.principal, is_required, codeOf(c)))
}

/** Of routes that are sensitive whatever they are asked. */
export const requireStepUp: MiddlewareHandler<AppEnv> = async function requireStepUp(c, next) {
  await demandStepUp(c)
  await next()
}
