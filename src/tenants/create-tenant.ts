import type { Deps } from '../deps.ts'
import { forgetTenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { tenants } from './table.ts'
import type { TenantRow } from './update-tenant.ts'

export type NewTenant = Pick<
  TenantRow,
  'id' | 'name' | 'limits' | 'disable_after_days' | 'retention_days' | 'unknown_event_types'
>

export async function createTenant(deps: Deps, tenant: NewTenant): Promise<Result<TenantRow, Problem>> {
  const now = deps.now()
  const row: TenantRow = { ...tenant, version: 1, created_at: now, updated_at: now }
  const { meta } = await deps.db.insert(tenants).values(row).onConflictDoNothing().run()
  if (meta.changes === 0) return err(problem('tenant_exists', `there is a tenant ${tenant.id} already`))
  // Somebody may have asked for it before, and its absence is remembered too.
  forgetTenant(tenant.id)
  return ok(row)
}
