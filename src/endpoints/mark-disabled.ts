import { and, eq, isNull, lt, or, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/d1'
import type { DisabledReason } from '../../durable-objects/endpoint/rpc.ts'
import { endpoints } from './table.ts'

/**
 * Records that an Endpoint has disabled itself, unless it is disabled already, was enabled since, or is gone.
 * @param at when it did, Unix milliseconds
 * @throws what D1 throws
 */
export async function markDisabled(
  db: D1Database,
  tenant_id: string,
  endpoint_id: string,
  reason: DisabledReason,
  at: number,
): Promise<void> {
  await drizzle(db)
    .update(endpoints)
    .set({ disabled: reason, disabled_at: at, updated_at: at, version: sql`${endpoints.version} + 1` })
    .where(
      and(
        eq(endpoints.tenant_id, tenant_id),
        eq(endpoints.id, endpoint_id),
        isNull(endpoints.disabled),
        or(isNull(endpoints.enabled_at), lt(endpoints.enabled_at, at)),
      ),
    )
}
