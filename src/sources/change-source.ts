import { and, eq } from 'drizzle-orm'
import { audited } from '../audit/audited.ts'
import { type Action, changeOf } from '../audit/entry.ts'
import type { Deps } from '../deps.ts'
import { forgetTenant } from '../http/access.ts'
import type { Problem } from '../http/problems.ts'
import { ok, type Result } from '../lib/result.ts'
import { toAuditedSource } from './contract.ts'
import { findSource } from './find-source.ts'
import { releaseParked } from './release.ts'
import { type SourceRow, sources } from './table.ts'

/** What a source's columns become; those that are undefined stay. */
export type Columns = { [K in keyof SourceRow]?: SourceRow[K] | undefined }

/**
 * Changes a source by what it is now: decided on a row, written only while nobody has changed it, and looked at anew
 * otherwise, so that two changes at once both survive.
 */
export async function changeSource(
  deps: Deps,
  tenant_id: string,
  id: string,
  action: Action,
  decide: (before: SourceRow, now: number) => Result<Columns, Problem> | Promise<Result<Columns, Problem>>,
): Promise<Result<SourceRow, Problem>> {
  const changed = await audited(deps, tenant_id, async (trail) => {
    const found = await findSource(deps, tenant_id, id)
    if (!found.ok) return found
    const before = found.value
    const now = deps.now()
    const decided = await decide(before, now)
    if (!decided.ok) return decided
    const named = Object.fromEntries(Object.entries(decided.value).filter(([, value]) => value !== undefined))
    const changes: Partial<SourceRow> = { ...named, updated_at: now }
    const after: SourceRow = { ...before, ...changes }
    const decisive = deps.db
      .update(sources)
      // No more than what was decided: requests to the source, and a rotation of the master key, write to the same row.
      .set(changes)
      .where(
        and(
          eq(sources.tenant_id, tenant_id),
          eq(sources.id, id),
          // Sealed again meanwhile, they would be put back under the old master key.
          changes.credentials && eq(sources.credentials, before.credentials),
        ),
      )
    const what = changeOf(toAuditedSource(before), toAuditedSource(after))
    const is_changed = await trail.commit({ action, target: id, ...what }, { decisive })
    return is_changed ? ok({ changes, after }) : undefined
  })
  if (!changed.ok) return changed
  const { changes, after } = changed.value
  forgetTenant(tenant_id)
  // Also of one that was not paused: what an isolate that did not know yet has parked since is found by asking again.
  if (changes.paused_at === null) await releaseParked(deps, tenant_id, id)
  return ok(after)
}
