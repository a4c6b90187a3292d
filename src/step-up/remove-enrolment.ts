import { and, eq, isNull } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import type { Principal } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { findKey } from '../keys/find-key.ts'
import { log } from '../lib/log.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { checkCode } from './check-code.ts'
import { CODE_MISSING, demandCode } from './demand-code.ts'
import { findEnrolment, type Holder } from './find-enrolment.ts'
import { isOwn } from './own-key.ts'
import { policyFor } from './policy.ts'
import { type EnrolmentRow, totpEnrolments } from './table.ts'

/** What came with the request. */
interface Proof {
  code: string | undefined
  reason: string | undefined
}

const NOT_ENROLLED = problem('not_found', 'the key is not enrolled')

/**
 * Removes an enrolment: the key its own, with a code of it; an operator that of another key, with a reason. An
 * operator's override of its own would let whoever stole the key do without the code.
 */
export async function removeEnrolment(
  deps: Deps,
  holder: Holder,
  actor: Principal,
  proof: Proof,
): Promise<Result<void, Problem>> {
  return isOwn(holder, actor) ? removeOwn(deps, holder, proof) : override(deps, holder, actor, proof)
}

async function removeOwn(deps: Deps, holder: Holder, { code }: Proof): Promise<Result<void, Problem>> {
  const row = await findEnrolment(deps, holder)
  if (row === undefined) return err(NOT_ENROLLED)
  // One that was not confirmed protects nothing.
  if (row.confirmed_at !== null) {
    const checked = code === undefined ? err(CODE_MISSING) : await checkCode(deps, holder, row, code)
    if (!checked.ok) return checked
  }
  return remove(deps, row)
}

async function override(
  deps: Deps,
  holder: Holder,
  actor: Principal,
  { code, reason }: Proof,
): Promise<Result<void, Problem>> {
  const found = await findKey(deps, holder.tenant_id, holder.key_id)
  // The operator key of the settings has no row, and may be enrolled all the same.
  const row = await findEnrolment(deps, holder)
  if (!found.ok && row === undefined) return found
  if (actor.tenant_id !== null) {
    return err(problem('forbidden', 'only the key itself can do this, with a code of it, or an operator'))
  }
  if (reason === undefined) {
    const message = 'say why, in up to 500 characters'
    return err(problem('invalid_request', `reason: ${message}`, { errors: [{ path: 'reason', message }] }))
  }
  if (row === undefined) return err(NOT_ENROLLED)
  const demanded = await demandCode(deps, actor, policyFor(deps, actor, null) === 'required', code)
  if (!demanded.ok) return demanded
  const removed = await remove(deps, row)
  if (removed.ok) {
    const { tenant_id, key_id } = holder
    log('info', 'step_up.overridden', { tenant_id, key_id, by: actor.key_id, reason })
  }
  return removed
}

/** What was confirmed meanwhile is another matter than what was looked at. */
async function remove({ db }: Deps, row: EnrolmentRow): Promise<Result<void, Problem>> {
  const { meta } = await db
    .delete(totpEnrolments)
    .where(
      and(
        eq(totpEnrolments.tenant_id, row.tenant_id),
        eq(totpEnrolments.key_id, row.key_id),
        eq(totpEnrolments.created_at, row.created_at),
        row.confirmed_at === null ? isNull(totpEnrolments.confirmed_at) : undefined,
      ),
    )
  return meta.changes > 0 ? ok(undefined) : err(problem('changed_meanwhile', 'the enrolment was changed: look again'))
}
