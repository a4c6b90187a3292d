import { and, eq, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/d1'
import type { EndpointSettings } from '../../durable-objects/endpoint/rpc.ts'
import { endpoints } from './table.ts'

/**
 * Records that a lane holds nothing that belongs to another one, unless the layout has changed since.
 * @param settings as the lane knows them
 * @throws what D1 throws
 */
export async function markDrained(
  db: D1Database,
  { tenant_id, endpoint_id, layout: { epoch } }: Pick<EndpointSettings, 'tenant_id' | 'endpoint_id' | 'layout'>,
  lane: number,
): Promise<void> {
  const { layout, version } = endpoints
  const without = sql`json_set(${layout}, '$.draining', (${layout} ->> '$.draining') & ~(1 << ${lane}))`
  await drizzle(db)
    .update(endpoints)
    .set({ layout: without, version: sql`${version} + 1` })
    .where(
      and(
        eq(endpoints.tenant_id, tenant_id),
        eq(endpoints.id, endpoint_id),
        sql`${layout} ->> '$.epoch' = ${epoch}`,
        sql`(${layout} ->> '$.draining') & (1 << ${lane})`,
      ),
    )
}
