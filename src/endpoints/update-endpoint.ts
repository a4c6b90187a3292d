import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { forgetTenant } from '../http/access.ts'
import type { Problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { checkFields } from './check-fields.ts'
import type { EndpointChange } from './contract.ts'
import { NO_ENDPOINT } from './find-endpoint.ts'
import { pushEndpoint } from './push-settings.ts'
import type { EndpointRow } from './settings.ts'
import { endpoints } from './table.ts'

type Columns = { [K in keyof EndpointRow]?: EndpointRow[K] | SQL | undefined }

/** Changes what is named and nothing else, so that two changes of different members at once both survive. */
export async function updateEndpoint(
  deps: Deps,
  tenant_id: string,
  id: string,
  change: EndpointChange,
): Promise<Result<EndpointRow, Problem>> {
  const checked = checkFields(deps.settings, change)
  return checked.ok ? writeEndpoint(deps, tenant_id, id, checked.value) : checked
}

/** Writes columns of one endpoint as a new version, and lets everybody know. */
export async function writeEndpoint(
  deps: Deps,
  tenant_id: string,
  id: string,
  columns: Columns,
): Promise<Result<EndpointRow, Problem>> {
  const row = await deps.db
    .update(endpoints)
    .set({ ...columns, version: sql`${endpoints.version} + 1`, updated_at: deps.now() })
    .where(and(eq(endpoints.tenant_id, tenant_id), eq(endpoints.id, id)))
    .returning()
    .get()
  if (row === undefined) return err(NO_ENDPOINT)
  forgetTenant(tenant_id)
  await pushEndpoint(deps, tenant_id, id)
  return ok(row)
}
