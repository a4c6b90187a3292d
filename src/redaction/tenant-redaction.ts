import { eq } from 'drizzle-orm'
import { audited } from '../audit/audited.ts'
import { changeOf } from '../audit/entry.ts'
import type { Deps } from '../deps.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { tenants } from '../tenants/table.ts'
import { checkLoosening } from './loosening.ts'

const NO_TENANT = err(problem('not_found', 'there is no such tenant'))

/** What is redacted in messages of every type of a tenant. */
export async function getRedaction({ db }: Deps, tenant_id: string): Promise<Result<string[], Problem>> {
  const row = await db.select({ redact: tenants.redact }).from(tenants).where(eq(tenants.id, tenant_id)).get()
  return row === undefined ? NO_TENANT : ok(row.redact)
}

/**
 * Takes the place of what was redacted before, also in what is stored already.
 * @param can_reveal else it may only be more
 */
export async function setRedaction(
  deps: Deps,
  tenant_id: string,
  redact: string[],
  can_reveal: boolean,
): Promise<Result<string[], Problem>> {
  return audited(deps, tenant_id, async (trail) => {
    const before = await getRedaction(deps, tenant_id)
    if (!before.ok) return before
    const allowed = checkLoosening(before.value, redact, can_reveal)
    if (!allowed.ok) return allowed
    const decisive = deps.db.update(tenants).set({ redact, updated_at: deps.now() }).where(eq(tenants.id, tenant_id))
    const what = changeOf({ redact: before.value }, { redact })
    const is_set = await trail.commit({ action: 'redaction.update', target: tenant_id, ...what }, { decisive })
    return is_set ? ok(redact) : NO_TENANT
  })
}
