import { and, eq } from 'drizzle-orm'
import { audited } from '../audit/audited.ts'
import { isExhausted } from '../dead-letters/list-dead-letters.ts'
import { deadLetters } from '../dead-letters/table.ts'
import type { Deps } from '../deps.ts'
import { forgetTenant } from '../http/access.ts'
import type { Problem } from '../http/problems.ts'
import { ok, type Result } from '../lib/result.ts'
import { toAuditedEndpoint } from './change-endpoint.ts'
import { findEndpoint } from './find-endpoint.ts'
import { everyLane, objectName } from './lanes.ts'
import { tellEndpoint } from './stub.ts'
import { endpoints } from './table.ts'

/**
 * Deletes an endpoint with everything it holds. The row goes first: from then on nothing new gets in,
 * because an Endpoint without a row refuses.
 */
export async function deleteEndpoint(deps: Deps, tenant_id: string, id: string): Promise<Result<void, Problem>> {
  const deleted = await audited(deps, tenant_id, async (trail) => {
    const found = await findEndpoint(deps, tenant_id, id)
    if (!found.ok) return found
    const { layout, version } = found.value
    const is_deleted = await trail.commit(
      { action: 'endpoint.delete', target: id, before: toAuditedEndpoint(found.value) },
      {
        // An Endpoint may have reported a layout since: all its objects have to be found.
        decisive: deps.db
          .delete(endpoints)
          .where(and(eq(endpoints.tenant_id, tenant_id), eq(endpoints.id, id), eq(endpoints.version, version))),
        rest: [deps.db.delete(deadLetters).where(and(isExhausted(tenant_id), eq(deadLetters.endpoint_id, id)))],
      },
    )
    return is_deleted ? ok(layout) : undefined
  })
  if (!deleted.ok) return deleted
  forgetTenant(tenant_id)
  await Promise.all(
    everyLane(deleted.value).map((lane) =>
      tellEndpoint(deps, objectName(id, lane), 'endpoint.remove', (stub) => stub.remove()),
    ),
  )
  return ok(undefined)
}
