import { and, eq, notExists, sql } from 'drizzle-orm'
import { deadLetters } from '../dead-letters/table.ts'
import { deliveries } from '../deliveries/table.ts'
import type { Deps } from '../deps.ts'
import { endpoints } from '../endpoints/table.ts'
import { eventTypeSchemas, eventTypes } from '../event-types/table.ts'
import { forgetTenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { apiKeys } from '../keys/table.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { unmatchedMessages } from '../messages/table.ts'
import { tenants } from './table.ts'

/** Deletes a tenant and its rows together: all or, while it has endpoints, nothing. */
export async function deleteTenant({ db }: Deps, tenant_id: string): Promise<Result<void, Problem>> {
  const isEmpty = notExists(db.select({ one: sql`1` }).from(endpoints).where(eq(endpoints.tenant_id, tenant_id)))
  const [deleted] = await db.batch([
    db.delete(tenants).where(and(eq(tenants.id, tenant_id), isEmpty)),
    ...([apiKeys, eventTypes, eventTypeSchemas, deliveries, deadLetters, unmatchedMessages] as const).map((table) =>
      db.delete(table).where(and(eq(table.tenant_id, tenant_id), isEmpty)),
    ),
  ])
  if (deleted.meta.changes === 0) return err(problem('tenant_not_empty', 'delete its endpoints first'))
  forgetTenant(tenant_id)
  return ok(undefined)
}
