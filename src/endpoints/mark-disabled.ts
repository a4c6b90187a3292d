import type { DisabledReason } from '../../durable-objects/endpoint/rpc.ts'

/**
 * Records that an Endpoint has disabled itself. False when it was disabled already, or is gone.
 * @throws what D1 throws
 */
export async function markDisabled(
  db: D1Database,
  tenant_id: string,
  endpoint_id: string,
  reason: DisabledReason,
  now: number,
): Promise<boolean> {
  const { meta } = await db
    .prepare(
      `UPDATE endpoints SET disabled = ?3, disabled_at = ?4, updated_at = ?4, version = version + 1
       WHERE tenant_id = ?1 AND id = ?2 AND disabled IS NULL`,
    )
    .bind(tenant_id, endpoint_id, reason, now)
    .run()
  return meta.changes > 0
}
