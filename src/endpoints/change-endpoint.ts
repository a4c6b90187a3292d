import { and, eq } from 'drizzle-orm'
import { audited } from '../audit/audited.ts'
import { type Action, changeOf, HIDDEN, type Shown } from '../audit/entry.ts'
import type { Deps } from '../deps.ts'
import { forgetTenant } from '../http/access.ts'
import type { Problem } from '../http/problems.ts'
import { ok, type Result } from '../lib/result.ts'
import { toEndpointJson } from './contract.ts'
import { findEndpoint } from './find-endpoint.ts'
import { pushEndpoint } from './push-settings.ts'
import type { EndpointRow } from './settings.ts'
import { endpoints } from './table.ts'

/** What an endpoint's columns become; those that are undefined stay. */
export type Columns = { [K in keyof EndpointRow]?: EndpointRow[K] | undefined }

/**
 * Changes an endpoint by what it is now: decided on a row, written only while the row is still that, and looked at
 * anew otherwise, so that two changes at once both survive. Then everybody is told.
 */
export async function changeEndpoint(
  deps: Deps,
  tenant_id: string,
  id: string,
  action: Action,
  decide: (before: EndpointRow) => Result<Columns, Problem> | Promise<Result<Columns, Problem>>,
): Promise<Result<EndpointRow, Problem>> {
  const changed = await audited(deps, tenant_id, async (trail) => {
    const found = await findEndpoint(deps, tenant_id, id)
    if (!found.ok) return found
    const before = found.value
    const decided = await decide(before)
    if (!decided.ok) return decided
    const named = Object.fromEntries(Object.entries(decided.value).filter(([, value]) => value !== undefined))
    const after: EndpointRow = { ...before, ...named, version: before.version + 1, updated_at: deps.now() }
    const decisive = deps.db
      .update(endpoints)
      .set(after)
      // Endpoints report to the same row, without an entry.
      .where(and(eq(endpoints.tenant_id, tenant_id), eq(endpoints.id, id), eq(endpoints.version, before.version)))
    const what = changeOf(toSeen(before), toSeen(after), hideValues)
    const is_changed = await trail.commit({ action, target: id, ...what }, { decisive })
    return is_changed ? ok(after) : undefined
  })
  if (!changed.ok) return changed
  forgetTenant(tenant_id)
  await pushEndpoint(deps, tenant_id, id)
  return changed
}

/** An endpoint as the audit log shows it. */
export function toAuditedEndpoint(row: EndpointRow): Shown {
  return hideValues(toSeen(row))
}

/** With secrets in it: only to see whether they differ. */
function toSeen(row: EndpointRow) {
  return { ...toEndpointJson(row, true), secrets: row.secrets }
}

/** Values of headers may be credentials, and a secret is one, sealed or not. */
function hideValues({ headers, secrets, ...shown }: Partial<ReturnType<typeof toSeen>>): Shown {
  return {
    ...shown,
    ...(headers && { headers: Object.fromEntries(Object.keys(headers).map((name) => [name, HIDDEN])) }),
    ...(secrets && { secrets: secrets.map(({ kind, created_at, expires_at }) => ({ kind, created_at, expires_at })) }),
  }
}
