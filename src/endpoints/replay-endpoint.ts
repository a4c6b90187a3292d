import type { ReplayQuery } from '../../durable-objects/endpoint/rpc.ts'
import { record } from '../audit/audited.ts'
import { deleteReplayed } from '../dead-letters/delete-dead-letters.ts'
import type { Place } from '../deliveries/merge-lanes.ts'
import type { Deps } from '../deps.ts'
import type { TenantAccess } from '../http/access.ts'
import type { Problem } from '../http/problems.ts'
import { ok, type Result } from '../lib/result.ts'
import { requireEndpoint } from './find-endpoint.ts'
import { objectName } from './lanes.ts'
import { callEndpoint } from './stub.ts'

const PAGE = 1000
/** What one request may start; a caller with more goes on from the cursor. */
const REPLAYED_MAX = 10_000

export interface WantedReplay {
  states: ReplayQuery['states']
  /** Unix milliseconds, inclusive. */
  since: number
  /** Unix milliseconds, exclusive. */
  until: number
  /** `next` of the answer before. */
  from?: Place | undefined
}

export interface Replayed {
  count: number
  /** Where to go on; null when all were started. */
  next: Place | null
}

/** Starts an endpoint's finished deliveries of a span of time again: lane by lane, each oldest first. */
export async function replayEndpoint(
  deps: Deps,
  access: TenantAccess,
  endpoint_id: string,
  { from, ...wanted }: WantedReplay,
): Promise<Result<Replayed, Problem>> {
  const endpoint = await requireEndpoint(deps, access, endpoint_id)
  if (!endpoint.ok) return endpoint
  const after = { ...wanted, ...(from && { from }) }
  const noted = await record(deps, access.tenant.id, { action: 'endpoint.replay', target: endpoint_id, after })
  if (!noted.ok) return noted
  const started_at = deps.now()
  let count = 0
  let query: ReplayQuery = { ...wanted, limit: PAGE, ...(from && { from: from.position }) }
  for (let lane = from?.lane ?? 0; lane < endpoint.value.layout.lanes_max; ) {
    const page = await callEndpoint(deps.env, objectName(endpoint_id, lane), (stub) => stub.replay(query))
    count += page.count
    if (page.next !== null && count >= REPLAYED_MAX) return ok({ count, next: { position: page.next, lane } })
    query = { ...wanted, limit: PAGE, ...(page.next !== null && { from: page.next }) }
    if (page.next === null) lane++
  }
  if (wanted.states.includes('dead')) {
    const { since, until } = wanted
    await deleteReplayed(deps, access.tenant.id, endpoint_id, { since, until, died_until: started_at })
  }
  return ok({ count, next: null })
}
