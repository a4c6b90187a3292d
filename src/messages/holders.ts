import type { Deps } from '../deps.ts'
import { type Reachable, reachable } from '../endpoints/call-lanes.ts'
import type { TenantConfiguration } from '../http/access.ts'
import { isKeyedId, timeOfId } from '../lib/ids.ts'

/** Younger than this, a message may be in Endpoints that the read model does not know of yet. */
const READ_MODEL_LAG_MS_MAX = 2 * 60 * 1000

/**
 * The endpoints that may hold a delivery of this message: those the read model knows, and while it may
 * lag, every endpoint the tenant has.
 */
export async function findHolders(
  deps: Deps,
  { tenant, subscriptions }: TenantConfiguration,
  message_id: string,
): Promise<Reachable[]> {
  const known = await knownHolders(deps, tenant.id, message_id)
  const accepted_at = timeOfId(message_id)
  const is_settled = known.length > 0 && accepted_at !== undefined && deps.now() - accepted_at > READ_MODEL_LAG_MS_MAX
  const asked = is_settled ? known : [...new Set([...known, ...subscriptions.map(({ endpoint_id }) => endpoint_id)])]
  // Sorted, because what is known grows and must not change the order of what is shown.
  return asked.toSorted().map((endpoint_id) => reachable(subscriptions, endpoint_id))
}

async function knownHolders({ env }: Deps, tenant_id: string, message_id: string): Promise<string[]> {
  const query = isKeyedId(message_id)
    ? // The bound tells SQLite that the partial index applies.
      env.DB.prepare(`${SELECT} AND message_id = ? AND message_id >= 'msg_Z'`).bind(tenant_id, message_id)
    : env.DB.prepare(`${SELECT} AND accepted_at = ? AND message_id = ?`).bind(
        tenant_id,
        timeOfId(message_id) ?? 0,
        message_id,
      )
  const { results } = await query.all<{ endpoint_id: string }>()
  return results.map(({ endpoint_id }) => endpoint_id)
}

const SELECT = 'SELECT endpoint_id FROM deliveries WHERE tenant_id = ?'
