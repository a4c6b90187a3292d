import { type SQL, sql } from 'drizzle-orm'
import { audited, type Trail } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import { forgetKey, type Principal } from '../http/access.ts'
import type { Problem } from '../http/problems.ts'
import { err, type Result } from '../lib/result.ts'
import { chainOf, findKey, type Owner } from './find-key.ts'
import { hasOtherMainstay, isMainstay, LOCKOUT } from './lockout.ts'
import type { KeyRow } from './table.ts'

/** Who changes a key, from where, and whether it was said that a lockout is meant. */
export interface Actor extends Principal {
  address: string | undefined
  is_confirmed: boolean
}

/** What is to become of a key that was looked at. */
export interface Plan<T> {
  /** Whether the key will be of no more use for making keys. */
  is_ending: boolean
  /**
   * Writes the change, with its entry, if the key is still as it was looked at and `guard` holds.
   * @returns undefined when one of the two is not so
   */
  write: (trail: Trail, guard: SQL) => Promise<Result<T, Problem> | undefined>
}

/**
 * Changes a key by what it is now: decided on a row, written only while the row is still that, and looked at
 * anew otherwise. What would lock a tenant out is refused unless it was confirmed or an operator asks, who
 * can make new keys for it.
 */
export async function changeKey<T>(
  deps: Deps,
  owner: Owner,
  key_id: string,
  actor: Actor,
  decide: (row: KeyRow, now: number) => Result<Plan<T>, Problem>,
): Promise<Result<T, Problem>> {
  return audited(deps, chainOf(owner), async (trail) => {
    const found = await findKey(deps, owner, key_id)
    if (!found.ok) return found
    const row = found.value
    const now = deps.now()
    const decided = decide(row, now)
    if (!decided.ok) return decided
    const { is_ending, write } = decided.value
    const is_free = actor.tenant_id === null || actor.is_confirmed || !(is_ending && isMainstay(row, now))
    const written = await write(trail, is_free ? sql`TRUE` : hasOtherMainstay(row, now))
    if (written !== undefined) forgetKey(row.hash)
    else if (!is_free && !(await isLeftAnother(deps, row, now))) return err(LOCKOUT)
    return written
  })
}

async function isLeftAnother({ db }: Deps, row: KeyRow, now: number): Promise<boolean> {
  const found = await db.get<{ is_left: number }>(sql`SELECT ${hasOtherMainstay(row, now)} AS is_left`)
  return found?.is_left === 1
}
