import { eq, sql } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { pushTenant } from '../endpoints/push-settings.ts'
import { forgetTenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { tenants } from './table.ts'

export type TenantRow = typeof tenants.$inferSelect

export type TenantChange = {
  [K in 'name' | 'limits' | 'disable_after_days' | 'retention_days' | 'unknown_event_types' | 'step_up']?:
    | TenantRow[K]
    | undefined
}

/** Changes what is named, and lets the tenant's Endpoints know. */
export async function updateTenant(
  deps: Deps,
  tenant_id: string,
  change: TenantChange,
): Promise<Result<TenantRow, Problem>> {
  const row = await deps.db
    .update(tenants)
    .set({ ...change, version: sql`${tenants.version} + 1`, updated_at: deps.now() })
    .where(eq(tenants.id, tenant_id))
    .returning()
    .get()
  if (row === undefined) return err(problem('not_found', 'there is no such tenant'))
  forgetTenant(tenant_id)
  await pushTenant(deps, tenant_id)
  return ok(row)
}
