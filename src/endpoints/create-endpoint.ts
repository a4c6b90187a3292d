import { audited } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import { forgetTenant, type Tenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { createId } from '../lib/ids.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { insertWithin } from '../tenants/insert-within.ts'
import { resolveLimits } from '../tenants/limits.ts'
import { toAuditedEndpoint } from './change-endpoint.ts'
import { checkFields, checkSpread } from './check-fields.ts'
import type { NewEndpoint } from './contract.ts'
import { newLayout } from './lanes.ts'
import { pushEndpoint } from './push-settings.ts'
import { makeSecret, type OpenSecret, sealSecret } from './secrets.ts'
import type { EndpointRow } from './settings.ts'
import { endpoints } from './table.ts'

export interface CreatedEndpoint {
  row: EndpointRow
  secret: OpenSecret
}

/** Registers an endpoint, with a secret that is shown here and sealed from then on. */
export async function createEndpoint(
  deps: Deps,
  tenant: Tenant,
  wanted: NewEndpoint,
): Promise<Result<CreatedEndpoint, Problem>> {
  const { secret_kind: kind, secret: own, ...given } = wanted
  const fits = checkSpread(given)
  if (!fits.ok) return fits
  const fields = checkFields(deps.settings, given)
  if (!fields.ok) return fields
  const { lanes, ...columns } = fields.value
  const secret = await makeSecret(deps, { kind, own }, 'hmac')
  if (!secret.ok) return secret

  const now = deps.now()
  const id = createId('ep', now, deps.random)
  const row: EndpointRow = {
    tenant_id: tenant.id,
    id,
    version: 1,
    ...columns,
    layout: newLayout(lanes),
    disabled: null,
    disabled_at: null,
    enabled_at: null,
    cancel_before: null,
    secrets: [await sealSecret(deps, tenant.id, id, secret.value)],
    created_at: now,
    updated_at: now,
  }
  const limit = resolveLimits(tenant.limits).endpoints
  const entry = { action: 'endpoint.create', target: id, after: toAuditedEndpoint(row) } as const
  const created = await audited(deps, tenant.id, async (trail) => {
    const is_inserted = await trail.commit(entry, { decisive: insertWithin(deps, endpoints, row, limit) })
    return is_inserted ? ok(undefined) : err(problem('limit_reached', `a tenant may have ${limit} endpoints`))
  })
  if (!created.ok) return created
  forgetTenant(tenant.id)
  // Not needed to be correct, but so the first publish finds an Endpoint that knows its settings.
  await pushEndpoint(deps, tenant.id, id)
  return ok({ row, secret: secret.value })
}
