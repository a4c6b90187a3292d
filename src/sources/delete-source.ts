import { and, eq } from 'drizzle-orm'
import { audited } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import { forgetTenant } from '../http/access.ts'
import type { Problem } from '../http/problems.ts'
import { ok, type Result } from '../lib/result.ts'
import { report } from '../report.ts'
import { toAuditedSource } from './contract.ts'
import { findSource } from './find-source.ts'
import { forgetRate } from './rate.ts'
import { releaseParked } from './release.ts'
import { sources } from './table.ts'

/** After a flood there are more than one statement should delete. Nobody can list them any more, and they go when they are old. */
const FAILURES_MAX = 5000

/**
 * Deletes a source, and what is known of requests that it did not believe. Its messages stay; what it has parked was
 * accepted, and goes on its way.
 */
export async function deleteSource(deps: Deps, tenant_id: string, id: string): Promise<Result<void, Problem>> {
  const deleted = await audited(deps, tenant_id, async (trail) => {
    const found = await findSource(deps, tenant_id, id)
    if (!found.ok) return found
    const is_deleted = await trail.commit(
      { action: 'source.delete', target: id, before: toAuditedSource(found.value) },
      {
        decisive: deps.db.delete(sources).where(and(eq(sources.tenant_id, tenant_id), eq(sources.id, id))),
        rest: [deps.env.DB.prepare(DELETE_FAILURES).bind(tenant_id, id, FAILURES_MAX)],
      },
    )
    return is_deleted ? ok(undefined) : undefined
  })
  if (!deleted.ok) return deleted
  forgetTenant(tenant_id)
  await releaseParked(deps, tenant_id, id)
  deps.waitUntil(
    forgetRate(deps, id).catch((error) => report(deps, 'quota.failed', error, { tenant_id, source_id: id })),
  )
  return deleted
}

const KEY = 'tenant_id, source_id, minute, reason, address'
const DELETE_FAILURES = `DELETE FROM source_failures WHERE (${KEY}) IN (
  SELECT ${KEY} FROM source_failures WHERE tenant_id = ?1 AND source_id = ?2 LIMIT ?3)`
