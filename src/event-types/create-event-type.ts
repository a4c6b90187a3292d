import type { Deps } from '../deps.ts'
import type { Tenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { insertWithin } from '../tenants/insert-within.ts'
import { resolveLimits } from '../tenants/limits.ts'
import { type EventTypeRow, getEventType } from './event-types.ts'
import { eventTypes } from './table.ts'

/** Adds a type to the catalogue, unless it is there or the tenant has as many as it may. */
export async function createEventType(
  deps: Deps,
  tenant: Tenant,
  { name, description }: { name: string; description: string },
): Promise<Result<EventTypeRow, Problem>> {
  const now = deps.now()
  const limit = resolveLimits(tenant.limits).event_types
  const row = { tenant_id: tenant.id, name, description, created_at: now, updated_at: now }
  if (await insertWithin(deps, eventTypes, row, limit)) return ok(row)
  const known = await getEventType(deps, tenant.id, name)
  if (known.ok) return err(problem('event_type_exists', `there is an event type ${name} already`))
  return err(problem('limit_reached', `a tenant may have ${limit} event types`))
}
