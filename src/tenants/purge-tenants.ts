import { asc } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { report } from '../report.ts'
import type { Run } from '../retention/run.ts'
import { purgeTenant } from './purge-tenant.ts'
import { tenantDeletions } from './table.ts'

const TENANTS_PER_RUN = 100

/**
 * Goes on with deleted tenants, oldest first. One that cannot be purged now keeps no other waiting.
 * @throws what D1 throws
 */
export async function purgeTenants(deps: Deps, run: Run): Promise<void> {
  run.take()
  const deletions = await deps.db
    .select()
    .from(tenantDeletions)
    .orderBy(asc(tenantDeletions.requested_at))
    .limit(TENANTS_PER_RUN)
  for (const deletion of deletions) {
    try {
      await purgeTenant(deps, run, deletion)
    } catch (error) {
      report(deps, 'tenant.purge_failed', error, { tenant_id: deletion.tenant_id })
    }
    if (run.is_cut_off) return
  }
}
