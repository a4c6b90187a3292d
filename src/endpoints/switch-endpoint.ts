import { sql } from 'drizzle-orm'
import type { Parked } from '../../durable-objects/endpoint/rpc.ts'
import type { Deps } from '../deps.ts'
import { endpoints } from './table.ts'
import { writeEndpoint } from './update-endpoint.ts'

/** @param parked what becomes of the deliveries it has parked: delivered with a slow start, or cancelled */
export function enableEndpoint(deps: Deps, tenant_id: string, id: string, parked: Parked) {
  return writeEndpoint(deps, tenant_id, id, { disabled: null, disabled_at: null }, parked)
}

/** One that is disabled already keeps its reason and time. */
export function disableEndpoint(deps: Deps, tenant_id: string, id: string) {
  return writeEndpoint(deps, tenant_id, id, {
    disabled: sql`COALESCE(${endpoints.disabled}, 'manual')`,
    disabled_at: sql`COALESCE(${endpoints.disabled_at}, ${deps.now()})`,
  })
}
