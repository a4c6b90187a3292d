import { and, eq } from 'drizzle-orm'
import { deadLetters } from '../dead-letters/table.ts'
import type { Deps } from '../deps.ts'
import { forgetTenant } from '../http/access.ts'
import type { Problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { NO_ENDPOINT } from './find-endpoint.ts'
import { everyLane, objectName } from './lanes.ts'
import { tellEndpoint } from './stub.ts'
import { endpoints } from './table.ts'

/**
 * Deletes an endpoint with everything it holds. The row goes first: from then on nothing new gets in,
 * because an Endpoint without a row refuses.
 */
export async function deleteEndpoint(deps: Deps, tenant_id: string, id: string): Promise<Result<void, Problem>> {
  const [[deleted]] = await deps.db.batch([
    deps.db
      .delete(endpoints)
      .where(and(eq(endpoints.tenant_id, tenant_id), eq(endpoints.id, id)))
      .returning({ layout: endpoints.layout }),
    deps.db
      .delete(deadLetters)
      .where(
        and(eq(deadLetters.tenant_id, tenant_id), eq(deadLetters.cause, 'exhausted'), eq(deadLetters.endpoint_id, id)),
      ),
  ])
  if (deleted === undefined) return err(NO_ENDPOINT)
  forgetTenant(tenant_id)
  await Promise.all(
    everyLane(deleted.layout).map((lane) =>
      tellEndpoint(deps, objectName(id, lane), 'endpoint.remove_failed', (stub) => stub.remove()),
    ),
  )
  return ok(undefined)
}
