import { sql } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import type { Tenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { resolveLimits } from '../tenants/limits.ts'
import { type EventTypeRow, getEventType } from './event-types.ts'

export async function createEventType(
  deps: Deps,
  tenant: Tenant,
  { name, description }: { name: string; description: string },
): Promise<Result<EventTypeRow, Problem>> {
  const now = deps.now()
  const limit = resolveLimits(tenant.limits).event_types
  // Counted and inserted as one statement, so that two at once cannot both take the last place.
  const { meta } = await deps.db.run(sql`
    INSERT OR IGNORE INTO event_types (tenant_id, name, description, created_at, updated_at)
    SELECT ${tenant.id}, ${name}, ${description}, ${now}, ${now}
    WHERE (SELECT COUNT(*) FROM event_types WHERE tenant_id = ${tenant.id}) < ${limit}`)
  if (meta.changes > 0) return ok({ tenant_id: tenant.id, name, description, created_at: now, updated_at: now })
  const known = await getEventType(deps, tenant.id, name)
  if (known.ok) return err(problem('event_type_exists', `there is an event type ${name} already`))
  return err(problem('limit_reached', `a tenant may have ${limit} event types`))
}
