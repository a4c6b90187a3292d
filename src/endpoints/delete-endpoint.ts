import { and, eq } from 'drizzle-orm'
import { deadLetters } from '../dead-letters/table.ts'
import type { Deps } from '../deps.ts'
import { forgetTenant } from '../http/access.ts'
import type { Problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { NO_ENDPOINT } from './find-endpoint.ts'
import { callEndpoint } from './stub.ts'
import { endpoints } from './table.ts'

/** When emptying an Endpoint that did not answer is tried again, within the 30 s a Worker has after its answer. */
const AGAIN_AFTER_MS = [1000, 5000, 15_000]

/**
 * Deletes an endpoint with everything it holds. The row goes first: from then on nothing new gets in,
 * because an Endpoint without a row refuses.
 */
export async function deleteEndpoint(deps: Deps, tenant_id: string, id: string): Promise<Result<void, Problem>> {
  const [deleted] = await deps.db.batch([
    deps.db.delete(endpoints).where(and(eq(endpoints.tenant_id, tenant_id), eq(endpoints.id, id))),
    deps.db
      .delete(deadLetters)
      .where(
        and(eq(deadLetters.tenant_id, tenant_id), eq(deadLetters.cause, 'exhausted'), eq(deadLetters.endpoint_id, id)),
      ),
  ])
  if (deleted.meta.changes === 0) return err(NO_ENDPOINT)
  forgetTenant(tenant_id)
  if (!(await tryRemove(deps, tenant_id, id))) deps.waitUntil(removeAgain(deps, tenant_id, id))
  return ok(undefined)
}

async function removeAgain(deps: Deps, tenant_id: string, id: string): Promise<void> {
  for (const delay_ms of AGAIN_AFTER_MS) {
    await scheduler.wait(delay_ms)
    if (await tryRemove(deps, tenant_id, id)) return
  }
}

async function tryRemove({ env }: Deps, tenant_id: string, endpoint_id: string): Promise<boolean> {
  try {
    await callEndpoint(env, endpoint_id, (stub) => stub.remove())
    return true
  } catch (error) {
    console.warn(JSON.stringify({ message: 'endpoint.remove_failed', tenant_id, endpoint_id, error: String(error) }))
    return false
  }
}
