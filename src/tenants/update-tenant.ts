import { and, eq } from 'drizzle-orm'
import { audited } from '../audit/audited.ts'
import { changeOf } from '../audit/entry.ts'
import type { Deps } from '../deps.ts'
import { pushTenant } from '../endpoints/push-settings.ts'
import { forgetTenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { toTenantJson } from './contract.ts'
import { tenants } from './table.ts'

export type TenantRow = typeof tenants.$inferSelect

export type TenantChange = {
  [K in 'name' | 'limits' | 'disable_after_days' | 'retention_days' | 'audit_retention_days' | 'unknown_event_types']?:
    | TenantRow[K]
    | undefined
}

/** Changes what is named, and lets the tenant's Endpoints know. */
export async function updateTenant(
  deps: Deps,
  tenant_id: string,
  change: TenantChange,
): Promise<Result<TenantRow, Problem>> {
  const changed = await audited(deps, tenant_id, async (trail) => {
    const before = await deps.db.select().from(tenants).where(eq(tenants.id, tenant_id)).get()
    if (before === undefined) return err(problem('not_found', 'there is no such tenant'))
    const named = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
    const after: TenantRow = { ...before, ...named, version: before.version + 1, updated_at: deps.now() }
    const decisive = deps.db
      .update(tenants)
      .set(after)
      .where(and(eq(tenants.id, tenant_id), eq(tenants.version, before.version)))
    const what = changeOf(toTenantJson(before), toTenantJson(after))
    const is_changed = await trail.commit({ action: 'tenant.update', target: tenant_id, ...what }, { decisive })
    return is_changed ? ok(after) : undefined
  })
  if (!changed.ok) return changed
  forgetTenant(tenant_id)
  await pushTenant(deps, tenant_id)
  return changed
}
