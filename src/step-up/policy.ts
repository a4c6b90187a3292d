import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { forgetTenant, type Tenant } from '../http/access.ts'
import type { Problem } from '../http/problems.ts'
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
  const row = await deps.db
    .update(tenants)
    .set({ own_step_up, updated_at: deps.now() })
    .where(and(eq(tenants.id, tenant_id), may_demand))
    .returning()
    .get()
  if (row === undefined) return err(enrolmentRequired(actor))
  forgetTenant(tenant_id)
  return ok(row)
}
