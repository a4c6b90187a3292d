import { and } from 'drizzle-orm'
import { audited } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import { type Problem, problem } from '../http/problems.ts'
import { chainOf, findKey } from '../keys/find-key.ts'
import { err, type Result } from '../lib/result.ts'
import { checkCode } from './check-code.ts'
import { findEnrolment, type Holder } from './find-enrolment.ts'
import { isEnrollable, NOT_ENROLLABLE, requireOwn } from './own-key.ts'
import { totpEnrolments } from './table.ts'

/** From here on sensitive operations ask the key for codes: its bearer has shown to hold the secret. */
export async function confirmEnrolment(
  deps: Deps,
  holder: Holder,
  actor: Holder,
  code: string,
): Promise<Result<void, Problem>> {
  const own = await requireOwn(deps, holder, actor)
  if (!own.ok) return own
  return audited(deps, chainOf(holder.tenant_id), async (trail) => {
    const row = await findEnrolment(deps, holder)
    if (row === undefined) return err(problem('wrong_state', 'there is nothing to confirm: begin the enrolment first'))
    if (row.confirmed_at !== null) return err(problem('wrong_state', 'the key is enrolled already'))
    const found = await findKey(deps, holder.tenant_id, holder.key_id)
    if (found.ok && (found.value.replaced_by !== null || found.value.revoked_at !== null)) return err(NOT_ENROLLABLE)
    return checkCode(deps, holder, row, code, ({ db, now }, { set, where }) => {
      const decisive = db
        .update(totpEnrolments)
        .set({ ...set, confirmed_at: now() })
        .where(and(where, isEnrollable(deps, holder)))
      return trail.commit({ action: 'key.totp.confirm', target: holder.key_id }, { decisive })
    })
  })
}
