import { eq, getTableColumns, sql } from 'drizzle-orm'
import { audited } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import { forgetTenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { toTenantJson } from './contract.ts'
import { tenantDeletions, tenants } from './table.ts'
import type { TenantRow } from './update-tenant.ts'

export type NewTenant = Pick<
  TenantRow,
  'id' | 'name' | 'limits' | 'disable_after_days' | 'retention_days' | 'audit_retention_days' | 'unknown_event_types'
>

/** Creates a tenant under an id that no other has, nor one that is still being deleted: it would inherit what is left. */
export async function createTenant(deps: Deps, tenant: NewTenant): Promise<Result<TenantRow, Problem>> {
  const now = deps.now()
  const row: TenantRow = { ...tenant, version: 1, created_at: now, updated_at: now }
  const values = Object.entries(getTableColumns(tenants)).map(([name, column]) =>
    sql.param(row[name as keyof TenantRow], column),
  )
  const isGoing = deps.db.select().from(tenantDeletions).where(eq(tenantDeletions.tenant_id, tenant.id))
  const decisive = deps.db
    .insert(tenants)
    .select(sql`SELECT ${sql.join(values, sql`, `)} WHERE NOT EXISTS ${isGoing}`)
    .onConflictDoNothing()
  const entry = { action: 'tenant.create', target: tenant.id, after: toTenantJson(row) } as const
  // With it begins its own log, so that many can be made at once.
  return audited(deps, tenant.id, async (trail) => {
    if (!(await trail.commit(entry, { decisive }))) {
      return (await isGoing.get()) === undefined
        ? err(problem('tenant_exists', `there is a tenant ${tenant.id} already`))
        : err(
            problem('tenant_being_deleted', `what the tenant ${tenant.id} had is still being deleted: try again later`),
          )
    }
    // Somebody may have asked for it before, and its absence is remembered too.
    forgetTenant(tenant.id)
    return ok(row)
  })
}
