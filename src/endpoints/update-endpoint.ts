import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { forgetTenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { DAY_MS } from '../lib/duration.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { tenants } from '../tenants/table.ts'
import { checkFields, checkSpread } from './check-fields.ts'
import type { EndpointChange } from './contract.ts'
import { findEndpoint, NO_ENDPOINT } from './find-endpoint.ts'
import { type Layout, relayout } from './lanes.ts'
import { sealHeaders } from './own-headers.ts'
import { pushEndpoint } from './push-settings.ts'
import type { EndpointRow } from './settings.ts'
import { endpoints } from './table.ts'

const TRIES_MAX = 10

type Columns = { [K in keyof EndpointRow]?: EndpointRow[K] | SQL | undefined }

/** Changes what is named and nothing else, so that two changes of different members at once both survive. */
export async function updateEndpoint(
  deps: Deps,
  tenant_id: string,
  id: string,
  change: EndpointChange,
): Promise<Result<EndpointRow, Problem>> {
  const checked = checkFields(deps.settings, change)
  if (!checked.ok) return checked
  const { lanes, headers, ...given } = checked.value
  const owner = { tenant_id, endpoint_id: id }
  const columns = {
    ...given,
    ...(headers !== undefined && { headers: await sealHeaders(deps.settings.keyring, owner, headers) }),
  }
  const is_alone = lanes === undefined && columns.ordering === undefined && columns.max_in_flight === undefined
  return is_alone
    ? writeEndpoint(deps, tenant_id, id, columns)
    : updateSpread(deps, tenant_id, id, { ...columns, lanes })
}

/** A change of members that only fit together: made only while they are as they were looked at, else anew. */
async function updateSpread(
  deps: Deps,
  tenant_id: string,
  id: string,
  { lanes, ...columns }: Omit<EndpointChange, 'headers'> & Pick<Columns, 'headers'>,
): Promise<Result<EndpointRow, Problem>> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const found = await findEndpoint(deps, tenant_id, id)
    if (!found.ok) return found
    const before = found.value
    const { ordering = before.ordering, max_in_flight = before.max_in_flight } = columns
    const fits = checkSpread({ lanes: lanes ?? before.layout.lanes, ordering, max_in_flight })
    if (!fits.ok) return fits
    const unchanged = and(
      sql`${endpoints.layout} ->> '$.epoch' = ${before.layout.epoch}`,
      eq(endpoints.ordering, before.ordering),
      eq(endpoints.max_in_flight, before.max_in_flight),
    )
    const layout = lanes === undefined ? undefined : await nextLayout(deps, before, lanes)
    const written = await writeEndpoint(deps, tenant_id, id, { ...columns, layout }, unchanged)
    if (written.ok) return written
  }
  return err(problem('changed_meanwhile', 'others keep changing this endpoint: try again'))
}

/** The layout with another number of lanes, if it is another. Ids are kept as long as the tenant's retention, and asked for as long. */
async function nextLayout(
  { db, now }: Deps,
  { tenant_id, layout }: EndpointRow,
  lanes: number,
): Promise<Layout | undefined> {
  // Not written again: a lane may be reporting that it has drained.
  if (lanes === layout.lanes) return undefined
  const tenant = await db.select().from(tenants).where(eq(tenants.id, tenant_id)).get()
  const retention_ms = (tenant?.retention_days ?? 0) * DAY_MS
  return relayout(layout, lanes, now() + retention_ms, now())
}

/**
 * Writes columns of one endpoint as a new version, and lets everybody know.
 * @param condition only if this holds
 */
export async function writeEndpoint(
  deps: Deps,
  tenant_id: string,
  id: string,
  columns: Columns,
  condition?: SQL,
): Promise<Result<EndpointRow, Problem>> {
  const row = await deps.db
    .update(endpoints)
    .set({ ...columns, version: sql`${endpoints.version} + 1`, updated_at: deps.now() })
    .where(and(eq(endpoints.tenant_id, tenant_id), eq(endpoints.id, id), condition))
    .returning()
    .get()
  if (row === undefined) return err(NO_ENDPOINT)
  forgetTenant(tenant_id)
  await pushEndpoint(deps, tenant_id, id)
  return ok(row)
}
