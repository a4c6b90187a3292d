import { and, asc, eq, isNotNull } from 'drizzle-orm'
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1'
import type { EndpointSettings } from '../../durable-objects/endpoint/rpc.ts'
import { eventTypes } from '../event-types/table.ts'
import { DAY_MS } from '../lib/duration.ts'
import { resolveLimits } from '../tenants/limits.ts'
import { tenants } from '../tenants/table.ts'
import { endpoints } from './table.ts'

export type EndpointRow = typeof endpoints.$inferSelect
export type TenantRow = typeof tenants.$inferSelect

/** An event type that does not keep content for as long as its tenant keeps everything. */
export type RetainedType = Pick<typeof eventTypes.$inferSelect, 'name' | 'retention_days'>

/** What an Endpoint has to know of its row, of its tenant's and of its tenant's event types. */
export function toEndpointSettings(
  endpoint: EndpointRow,
  tenant: TenantRow,
  retained: readonly RetainedType[],
): EndpointSettings {
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
    retention_ms_of_types: Object.fromEntries(
      retained.flatMap(({ name, retention_days }) =>
        retention_days === null ? [] : [[name, retention_days * DAY_MS]],
      ),
    ),
    max_unfinished: resolveLimits(tenant.limits).unfinished_per_endpoint,
    layout: endpoint.layout,
  }
}

/** Both versions only grow, so their sum grows with every change of either. */
export function settingsVersion(endpoint: Pick<EndpointRow, 'version'>, tenant: Pick<TenantRow, 'version'>): number {
  return endpoint.version + tenant.version
}

/**
 * Reads an Endpoint's settings at one moment; null when the endpoint was deleted.
 * @throws what D1 throws
 */
export async function loadEndpointSettings(
  d1: D1Database,
  tenant_id: string,
  endpoint_id: string,
): Promise<EndpointSettings | null> {
  const db = drizzle(d1)
  const [[endpoint], ...rest] = await db.batch([
    db
      .select()
      .from(endpoints)
      .where(and(eq(endpoints.tenant_id, tenant_id), eq(endpoints.id, endpoint_id))),
    ...selectTenant(db, tenant_id),
  ])
  const [[tenant], retained] = rest
  return endpoint === undefined || tenant === undefined ? null : toEndpointSettings(endpoint, tenant, retained)
}

/** What of a tenant goes into the settings of its Endpoints; types in an order that makes the same rules look the same. */
export function selectTenant(db: DrizzleD1Database, tenant_id: string) {
  return [
    db.select().from(tenants).where(eq(tenants.id, tenant_id)),
    db
      .select({ name: eventTypes.name, retention_days: eventTypes.retention_days })
      .from(eventTypes)
      .where(and(eq(eventTypes.tenant_id, tenant_id), isNotNull(eventTypes.retention_days)))
      .orderBy(asc(eventTypes.name)),
  ] as const
}
