import { and, eq } from 'drizzle-orm'
import { audited } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import { forgetTenant } from '../http/access.ts'
import type { Problem } from '../http/problems.ts'
import { ok, type Result } from '../lib/result.ts'
import { toAuditedSource } from './contract.ts'
import { findSource } from './find-source.ts'
import { sourceFailures, sources } from './table.ts'

/** Deletes a source, and what is known of requests that it did not believe. Its messages stay, the parked ones too. */
export async function deleteSource(deps: Deps, tenant_id: string, id: string): Promise<Result<void, Problem>> {
  const deleted = await audited(deps, tenant_id, async (trail) => {
    const found = await findSource(deps, tenant_id, id)
    if (!found.ok) return found
    const is_deleted = await trail.commit(
      { action: 'source.delete', target: id, before: toAuditedSource(found.value) },
      {
        decisive: deps.db.delete(sources).where(and(eq(sources.tenant_id, tenant_id), eq(sources.id, id))),
        rest: [
          deps.db
            .delete(sourceFailures)
            .where(and(eq(sourceFailures.tenant_id, tenant_id), eq(sourceFailures.source_id, id))),
        ],
      },
    )
    return is_deleted ? ok(undefined) : undefined
  })
  if (deleted.ok) forgetTenant(tenant_id)
  return deleted
}
