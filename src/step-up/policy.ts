import { and, eq, type SQL, sql } from 'drizzle-orm'
import { audited } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import { forgetTenant, type Tenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { tenants } from '../tenants/table.ts'
import { enrolmentRequired } from './demand-code.ts'
import { type Holder, isConfirmed } from './find-enrolment.ts'
import { type StepUpPolicy, strictest } from './table.ts'

/**
 * What is asked of a key. The operator and the tenant's admins each have their say, and neither can take back what
 * the other demands. Operators go by the deployment's setting, whichever tenant they act on.
 */
export function policyFor({ settings }: Deps, { tenant_id }: Holder, tenant: Tenant | null): StepUpPolicy {
  if (tenant_id === null) return settings.operator_step_up
  return tenant === null ? 'required' : strictest(tenant.step_up, tenant.own_step_up)
}

/**
 * Changes the tenant's own say. A key that demands enrolment has to be enrolled: else it would shut itself out of
 * taking that back.
 */
export async function changeOwnPolicy(
  deps: Deps,
  tenant_id: string,
  own_step_up: StepUpPolicy,
  actor: Holder,
): Promise<Result<Tenant, Problem>> {
  const may_demand: SQL | undefined =
    own_step_up === 'required' && actor.tenant_id !== null ? isConfirmed(deps, actor) : sql`TRUE`
  const changed = await audited(deps, tenant_id, async (trail) => {
    const before = await deps.db.select().from(tenants).where(eq(tenants.id, tenant_id)).get()
    if (before === undefined) return err(problem('not_found', 'there is no such tenant'))
    const after = { ...before, own_step_up, updated_at: deps.now() }
    // Its version stays: Endpoints have no use for this.
    const decisive = deps.db
      .update(tenants)
      .set({ own_step_up, updated_at: after.updated_at })
      .where(and(eq(tenants.id, tenant_id), may_demand))
    const what = { before: { own: before.own_step_up }, after: { own: own_step_up } }
    const is_changed = await trail.commit({ action: 'step_up.update', target: tenant_id, ...what }, { decisive })
    return is_changed ? ok(after) : err(enrolmentRequired(actor))
  })
  if (changed.ok) forgetTenant(tenant_id)
  return changed
}
