import { and, eq, isNull, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/d1'
import type { DisabledReason } from '../../durable-objects/endpoint/rpc.ts'
import { audited, type DepsOfAudit } from '../audit/audited.ts'
import { ok } from '../lib/result.ts'
import { endpoints } from './table.ts'

export interface OwnDisabling {
  reason: DisabledReason
  /** When it did, Unix milliseconds. */
  at: number
  /** `enabled_at` of the settings that it knew then. */
  enabled_at: number | null
}

/**
 * Records that an Endpoint has disabled itself, unless it is disabled already, was enabled since, or is gone.
 * @throws what D1 throws
 */
export async function markDisabled(
  deps: DepsOfAudit,
  { tenant_id, endpoint_id }: { tenant_id: string; endpoint_id: string },
  { reason, at, enabled_at }: OwnDisabling,
): Promise<void> {
  const decisive = drizzle(deps.env.DB)
    .update(endpoints)
    .set({ disabled: reason, disabled_at: at, updated_at: at, version: sql`${endpoints.version} + 1` })
    .where(
      and(
        eq(endpoints.tenant_id, tenant_id),
        eq(endpoints.id, endpoint_id),
        isNull(endpoints.disabled),
        sql`${endpoints.enabled_at} IS ${enabled_at}`,
      ),
    )
  const what = { before: { status: 'enabled' }, after: { status: 'disabled', disabled_reason: reason } }
  const marked = await audited(deps, tenant_id, async (trail) =>
    ok(await trail.commit({ action: 'endpoint.disable', target: endpoint_id, ...what }, { decisive })),
  )
  if (!marked.ok) throw new Error(marked.error.detail)
}
