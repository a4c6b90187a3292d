import type { Deps } from '../deps.ts'
import type { Principal } from '../http/access.ts'
import { isPermitted } from '../http/permissions.ts'
import { type Problem, problem } from '../http/problems.ts'
import { findKey } from '../keys/find-key.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { findEnrolment, type Holder } from './find-enrolment.ts'
import { isOwn } from './own-key.ts'
import type { EnrolmentRow } from './table.ts'

/** Whether and since when a key is enrolled: for itself, and for those who may look at the key. */
export async function readEnrolment(
  deps: Deps,
  holder: Holder,
  actor: Principal,
): Promise<Result<EnrolmentRow | undefined, Problem>> {
  const row = await findEnrolment(deps, holder)
  if (isOwn(holder, actor)) return ok(row)
  // The operator key of the settings has no row, and may be enrolled all the same.
  const found = await findKey(deps, holder.tenant_id, holder.key_id)
  if (!found.ok && row === undefined) return found
  const permission = holder.tenant_id === null ? 'operator_key.get' : 'key.get'
  return isPermitted(actor, permission) ? ok(row) : err(problem('forbidden', `of another key this needs ${permission}`))
}
