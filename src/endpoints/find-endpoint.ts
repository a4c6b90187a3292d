import { and, eq } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import type { TenantAccess } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { Reachable } from './call-lanes.ts'
import type { EndpointRow } from './settings.ts'
import { endpoints } from './table.ts'

export const NO_ENDPOINT = problem('not_found', 'there is no such endpoint')

export async function findEndpoint(deps: Deps, tenant_id: string, id: string): Promise<Result<EndpointRow, Problem>> {
  const row = await deps.db
    .select()
    .from(endpoints)
    .where(and(eq(endpoints.tenant_id, tenant_id), eq(endpoints.id, id)))
    .get()
  return row === undefined ? err(NO_ENDPOINT) : ok(row)
}

/**
 * How to reach an endpoint. Refuses one that is not the tenant's, before any Endpoint is called by a name that came with
 * the request. The tenant's endpoints are mostly known already; D1 is asked about one that is not.
 */
export async function requireEndpoint(
  deps: Deps,
  { tenant, subscriptions }: TenantAccess,
  id: string,
): Promise<Result<Reachable, Problem>> {
  const known = subscriptions.find(({ endpoint_id }) => endpoint_id === id)
  if (known !== undefined) return ok(known)
  const found = await findEndpoint(deps, tenant.id, id)
  return found.ok ? ok({ endpoint_id: id, layout: found.value.layout }) : found
}
