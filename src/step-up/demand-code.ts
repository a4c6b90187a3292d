import type { Deps } from '../deps.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { checkCode } from './check-code.ts'
import { findEnrolment, type Holder } from './find-enrolment.ts'

export const CODE_MISSING = problem(
  'totp_required',
  'send a current code of the authenticator that this key is enrolled with, as "Postern-Totp: 123456"',
)

/**
 * Asks whoever bears an enrolled key for a one-time code, which is used up by this.
 * @param is_required whether a key that is not enrolled is refused
 * @param code as it was sent, if one was
 */
export async function demandCode(
  deps: Deps,
  holder: Holder,
  is_required: boolean,
  code: string | undefined,
): Promise<Result<void, Problem>> {
  const row = await findEnrolment(deps, holder)
  if (row === undefined || row.confirmed_at === null) {
    return is_required ? err(enrolmentRequired(holder)) : ok(undefined)
  }
  return code === undefined ? err(CODE_MISSING) : checkCode(deps, holder, row, code)
}

/** What a key is told that has to be enrolled first. */
export function enrolmentRequired({ tenant_id, key_id }: Holder): Problem {
  const path = tenant_id === null ? `/v1/keys/${key_id}/totp` : `/v1/tenants/${tenant_id}/keys/${key_id}/totp`
  return problem('totp_enrolment_required', `this needs a one-time code: enrol this key first, POST ${path}`)
}
