import type { Deps } from '../deps.ts'
import type { TenantConfiguration } from '../http/access.ts'
import { report } from '../report.ts'
import { deliveriesOfMessage, findMessage } from './get-message.ts'
import type { Message } from './message.ts'
import type { Placed } from './place.ts'

/**
 * What became of a message that may not be placed now, if it was accepted before: then it is a duplicate like any
 * other, or a conflict. Null when nobody has it, or nobody can tell.
 */
export async function findRepeat(deps: Deps, access: TenantConfiguration, message: Message): Promise<Placed | null> {
  try {
    const known = await findMessage(deps, access, message.id)
    if (known === null) return null
    if (known.fingerprint !== message.fingerprint) return { kind: 'conflict' }
    const deliveries = await deliveriesOfMessage(deps, access, message.id)
    if (!deliveries.ok) return null
    return {
      kind: 'accepted',
      accepted_at: known.accepted_at,
      is_duplicate: true,
      deliveries: deliveries.value.map(({ endpoint_id, state }) => ({ endpoint_id, state })),
      full: [],
    }
  } catch (error) {
    report(deps, 'publish.repeat_unknown', error, { tenant_id: message.tenant_id, message_id: message.id })
    return null
  }
}
