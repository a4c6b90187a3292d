import type { Deps } from '../deps.ts'
import { pushTenant } from '../endpoints/push-settings.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'

/** Every Endpoint has them all among its settings. */
const RETAINED_MAX = 200

interface RetentionChange {
  /** Go with the change: settings of Endpoints are newer when its tenant is. */
  statements: D1PreparedStatement[]
  /** Lets Endpoints know, once it is made. */
  tell: () => Promise<void>
}

/**
 * What a change of how long a type keeps content takes beside it. Nothing where there is none.
 * @throws what D1 throws
 */
export async function retentionChange(
  deps: Deps,
  tenant_id: string,
  before: number | null,
  after: number | null,
): Promise<Result<RetentionChange, Problem>> {
  if (before === after) return ok({ statements: [], tell: async () => {} })
  const { DB } = deps.env
  if (before === null) {
    const { count = 0 } = (await DB.prepare(COUNT).bind(tenant_id).first<{ count: number }>()) ?? {}
    if (count >= RETAINED_MAX)
      return err(problem('limit_reached', `${RETAINED_MAX} event types of a tenant may have a retention of their own`))
  }
  return ok({
    statements: [DB.prepare(RENEW).bind(tenant_id)],
    tell: () => pushTenant(deps, tenant_id),
  })
}

const COUNT = 'SELECT COUNT(*) AS count FROM event_types WHERE tenant_id = ?1 AND retention_days IS NOT NULL'
const RENEW = 'UPDATE tenants SET version = version + 1 WHERE id = ?1'
