import { and, eq, exists, notExists, sql } from 'drizzle-orm'
import { audited } from '../audit/audited.ts'
import { OPERATOR_CHAIN } from '../audit/entry.ts'
import type { Deps } from '../deps.ts'
import { endpoints } from '../endpoints/table.ts'
import { forgetTenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { apiKeys } from '../keys/table.ts'
import { log } from '../lib/log.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { Run } from '../retention/run.ts'
import { toTenantJson } from './contract.ts'
import { purgeTenant } from './purge-tenant.ts'
import { tenantDeletions, tenants } from './table.ts'

const NOT_EMPTY = problem('tenant_not_empty', 'delete its endpoints first, or with it: ?endpoints=delete')

/** As much as is likely to be done in the time that a Worker has after its answer. */
const AT_ONCE = { calls: 200, ms: 20_000 }

/**
 * Deletes a tenant. From here on everything refuses it, since its row and its keys are gone; what else it
 * had may be millions of rows, and is removed in the background: now as far as that goes, the rest by the cron.
 * @param with_endpoints else it is refused while there are any
 */
export async function deleteTenant(
  deps: Deps,
  tenant_id: string,
  with_endpoints: boolean,
): Promise<Result<void, Problem>> {
  const { db } = deps
  const ownEndpoints = db.select({ one: sql`1` }).from(endpoints).where(eq(endpoints.tenant_id, tenant_id))
  const isThere = db.select({ one: sql`1` }).from(tenants).where(eq(tenants.id, tenant_id))
  const isGoing = exists(
    db.select({ one: sql`1` }).from(tenantDeletions).where(eq(tenantDeletions.tenant_id, tenant_id)),
  )
  const requested_at = deps.now()
  const isAllowed = and(exists(isThere), with_endpoints ? undefined : notExists(ownEndpoints))
  const deleted = await audited(deps, OPERATOR_CHAIN, async (trail) => {
    const row = await db.select().from(tenants).where(eq(tenants.id, tenant_id)).get()
    const before = row === undefined ? null : toTenantJson(row)
    const is_marked = await trail.commit(
      { action: 'tenant.delete', target: tenant_id, before, after: null },
      {
        decisive: db
          .insert(tenantDeletions)
          .select(sql`SELECT ${tenant_id}, ${requested_at} WHERE ${isAllowed}`)
          .onConflictDoNothing(),
        rest: [
          db.delete(tenants).where(and(eq(tenants.id, tenant_id), isGoing)),
          db.delete(apiKeys).where(and(eq(apiKeys.tenant_id, tenant_id), isGoing)),
        ],
      },
    )
    // Another request may have been first: then it is not there any more, as this one wanted.
    return is_marked || (await isThere.get()) === undefined ? ok(undefined) : err(NOT_EMPTY)
  })
  if (!deleted.ok) return deleted
  forgetTenant(tenant_id)
  deps.waitUntil(purgeAtOnce(deps, tenant_id, requested_at))
  return ok(undefined)
}

async function purgeAtOnce(deps: Deps, tenant_id: string, requested_at: number): Promise<void> {
  try {
    await purgeTenant(deps, new Run(deps.now, AT_ONCE), { tenant_id, requested_at })
  } catch (error) {
    log('warn', 'tenant.purge_failed', { tenant_id, error })
  }
}
