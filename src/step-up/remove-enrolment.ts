import { and, eq, isNull } from 'drizzle-orm'
import { audited } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import type { Principal } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { chainOf, findKey } from '../keys/find-key.ts'
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
  return remove(deps, holder, row, undefined)
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
  return remove(deps, holder, row, reason)
}

/** What was begun or confirmed meanwhile is another matter than what was looked at. */
function remove(
  deps: Deps,
  holder: Holder,
  row: EnrolmentRow,
  reason: string | undefined,
): Promise<Result<void, Problem>> {
  const decisive = deps.db
    .delete(totpEnrolments)
    .where(
      and(
        eq(totpEnrolments.tenant_id, row.tenant_id),
        eq(totpEnrolments.key_id, row.key_id),
        eq(totpEnrolments.created_at, row.created_at),
        row.confirmed_at === null ? isNull(totpEnrolments.confirmed_at) : undefined,
      ),
    )
  const after = reason === undefined ? null : { reason }
  const entry = { action: 'key.totp.remove', target: holder.key_id, after } as const
  return audited(deps, chainOf(holder.tenant_id), async (trail) => {
    const is_removed = await trail.commit(entry, { decisive })
    return is_removed ? ok(undefined) : err(problem('changed_meanwhile', 'the enrolment was changed: look again'))
  })
}
