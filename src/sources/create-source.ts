import { audited } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import { forgetTenant, type Tenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { createId } from '../lib/ids.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { insertWithin } from '../tenants/insert-within.ts'
import { resolveLimits } from '../tenants/limits.ts'
import { checkSettings, chooseCredentials } from './check-members.ts'
import { type NewSource, toAuditedSource } from './contract.ts'
import { sealCredentials } from './credentials.ts'
import { type SourceRow, sources } from './table.ts'

/** A source, and the credentials that were made for it, which are shown this once. */
export interface SourceWithCredentials {
  row: SourceRow
  /** Null for the caller's own, and where there are none. */
  invented: Record<string, unknown> | null
}

/** Opens a source. Without credentials, where its provider needs some, it believes nobody until it is given them. */
export async function createSource(
  deps: Deps,
  tenant: Tenant,
  wanted: NewSource,
): Promise<Result<SourceWithCredentials, Problem>> {
  const { provider, credentials: given, paused, event_type_prefix = provider, ...columns } = wanted
  const settings = checkSettings(provider, columns.settings)
  if (!settings.ok) return settings
  const chosen = chooseCredentials(provider, given, deps.random)
  if (!chosen.ok) return chosen

  const now = deps.now()
  const id = createId('src', now, deps.random)
  const row: SourceRow = {
    tenant_id: tenant.id,
    id,
    ...columns,
    provider,
    settings: settings.value,
    credentials:
      chosen.value === null
        ? []
        : [await sealCredentials(deps, { tenant_id: tenant.id, id }, chosen.value.credentials)],
    event_type_prefix,
    paused_at: paused ? now : null,
    failing_told_at: null,
    created_at: now,
    updated_at: now,
  }
  const limit = resolveLimits(tenant.limits).sources
  const entry = { action: 'source.create', target: id, after: toAuditedSource(row) } as const
  const created = await audited(deps, tenant.id, async (trail) => {
    const is_inserted = await trail.commit(entry, { decisive: insertWithin(deps, sources, row, limit) })
    return is_inserted ? ok(undefined) : err(problem('limit_reached', `a tenant may have ${limit} sources`))
  })
  if (!created.ok) return created
  forgetTenant(tenant.id)
  return ok({ row, invented: chosen.value?.is_invented ? chosen.value.credentials : null })
}
