import { and, eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/d1'
import type { EndpointSettings } from '../../durable-objects/endpoint/rpc.ts'
import { DAY_MS } from '../lib/duration.ts'
import { resolveLimits } from '../tenants/limits.ts'
import { tenants } from '../tenants/table.ts'
import { endpoints } from './table.ts'

export type EndpointRow = typeof endpoints.$inferSelect
export type TenantRow = typeof tenants.$inferSelect

/** What an Endpoint has to know of its row and of its tenant's. */
export function toEndpointSettings(endpoint: EndpointRow, tenant: TenantRow): EndpointSettings {
  return {
    tenant_id: endpoint.tenant_id,
    endpoint_id: endpoint.id,
    version: settingsVersion(endpoint, tenant),
    url: endpoint.url,
    disabled: endpoint.disabled,
    enabled_at: endpoint.enabled_at,
    cancel_before: endpoint.cancel_before,
    headers: endpoint.headers,
    secrets: endpoint.secrets,
    timeout_ms: endpoint.timeout_ms,
    retry_delays_ms: endpoint.retry_delays_s.map((delay_s) => delay_s * 1000),
    max_in_flight: endpoint.max_in_flight,
    rate_limit_per_s: endpoint.rate_limit_per_s,
    ordering: endpoint.ordering,
    transform: endpoint.transform,
    disable_after_ms: tenant.disable_after_days * DAY_MS,
    retention_ms: tenant.retention_days * DAY_MS,
    max_unfinished: resolveLimits(tenant.limits).unfinished_per_endpoint,
    layout: endpoint.layout,
  }
}

/** Both versions only grow, so their sum grows with every change of either. */
export function settingsVersion(endpoint: Pick<EndpointRow, 'version'>, tenant: Pick<TenantRow, 'version'>): number {
  return endpoint.version + tenant.version
}

/**
 * Reads an Endpoint's settings in one query; null when the endpoint was deleted.
 * @throws what D1 throws
 */
export async function loadEndpointSettings(
  db: D1Database,
  tenant_id: string,
  endpoint_id: string,
): Promise<EndpointSettings | null> {
  const row = await drizzle(db)
    .select()
    .from(endpoints)
    .innerJoin(tenants, eq(tenants.id, endpoints.tenant_id))
    .where(and(eq(endpoints.tenant_id, tenant_id), eq(endpoints.id, endpoint_id)))
    .get()
  return row === undefined ? null : toEndpointSettings(row.endpoints, row.tenants)
}
