import { and, eq, isNotNull, notExists, or, type SQL, sql } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { type Problem, problem } from '../http/problems.ts'
import { findKey } from '../keys/find-key.ts'
import { apiKeys } from '../keys/table.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { Holder } from './find-enrolment.ts'

/** Whether a key asks about itself. The one that lives in the settings does so too, without a row. */
export function isOwn(holder: Holder, actor: Holder): boolean {
  return holder.tenant_id === actor.tenant_id && holder.key_id === actor.key_id
}

/**
 * Refuses what only the key itself may do: whoever enrolled another's key would hold its secret.
 * A key that is not there looks so to everybody.
 */
export async function requireOwn(deps: Deps, holder: Holder, actor: Holder): Promise<Result<void, Problem>> {
  if (isOwn(holder, actor)) return ok(undefined)
  const found = await findKey(deps, holder.tenant_id, holder.key_id)
  return found.ok ? err(problem('forbidden', 'only the key itself can do this: send it as your key')) : found
}

/**
 * Holds while a key may be enrolled. One that was replaced hands its enrolment on and gets none any more: else
 * whoever stole it before it was rotated could bind its successor to an authenticator of theirs.
 */
export function isEnrollable({ db }: Pick<Deps, 'db'>, { key_id }: Holder): SQL {
  const ended = or(isNotNull(apiKeys.replaced_by), isNotNull(apiKeys.revoked_at))
  const is_ended = and(eq(apiKeys.id, key_id), ended)
  return notExists(db.select({ one: sql`1` }).from(apiKeys).where(is_ended))
}

export const NOT_ENROLLABLE = problem('wrong_state', 'the key was replaced or revoked: enrol the one that replaced it')
