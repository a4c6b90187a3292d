import { eq } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import type { Problem } from '../http/problems.ts'
import { DAY_MS } from '../lib/duration.ts'
import { ok, type Result } from '../lib/result.ts'
import { tenants } from '../tenants/table.ts'
import { changeEndpoint } from './change-endpoint.ts'
import { checkFields, checkSpread } from './check-fields.ts'
import type { EndpointChange } from './contract.ts'
import { type Layout, relayout } from './lanes.ts'
import type { EndpointRow } from './settings.ts'

/** Changes what is named and nothing else, so that two changes of different members at once both survive. */
export async function updateEndpoint(
  deps: Deps,
  tenant_id: string,
  id: string,
  change: EndpointChange,
): Promise<Result<EndpointRow, Problem>> {
  const checked = checkFields(deps.settings, change)
  if (!checked.ok) return checked
  const { lanes, ...columns } = checked.value
  return changeEndpoint(deps, tenant_id, id, 'endpoint.update', async (before) => {
    const { ordering = before.ordering, max_in_flight = before.max_in_flight } = columns
    const fits = checkSpread({ lanes: lanes ?? before.layout.lanes, ordering, max_in_flight })
    if (!fits.ok) return fits
    const layout = lanes === undefined ? undefined : await nextLayout(deps, before, lanes)
    return ok({ ...columns, layout })
  })
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
