import { sql } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { endpoints } from './table.ts'
import { writeEndpoint } from './update-endpoint.ts'

/**
 * Enables an endpoint. What is to become of its parked deliveries is part of its settings, so that the
 * Endpoint hears of both at once, by whatever way the settings reach it.
 * @param parked deliver them with a slow start, or cancel them
 */
export function enableEndpoint(deps: Deps, tenant_id: string, id: string, parked: 'deliver' | 'cancel') {
  const now = deps.now()
  return writeEndpoint(deps, tenant_id, id, {
    disabled: null,
    disabled_at: null,
    enabled_at: now,
    ...(parked === 'cancel' && { cancel_before: now }),
  })
}

/** Parks what is unfinished and what comes. One that is disabled already keeps its reason and time. */
export function disableEndpoint(deps: Deps, tenant_id: string, id: string) {
  return writeEndpoint(deps, tenant_id, id, {
    disabled: sql`COALESCE(${endpoints.disabled}, 'manual')`,
    disabled_at: sql`COALESCE(${endpoints.disabled_at}, ${deps.now()})`,
  })
}
