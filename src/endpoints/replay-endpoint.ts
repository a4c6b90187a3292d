import type { ReplayQuery } from '../../durable-objects/endpoint/rpc.ts'
import { deleteReplayed } from '../dead-letters/delete-dead-letters.ts'
import type { Deps } from '../deps.ts'
import type { TenantAccess } from '../http/access.ts'
import type { Problem } from '../http/problems.ts'
import { ok, type Result } from '../lib/result.ts'
import { requireEndpoint } from './find-endpoint.ts'
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
  /** From the answer before. */
  cursor?: string | undefined
}

export interface Replayed {
  count: number
  /** Null when all were started. */
  next_cursor: string | null
}

/** Starts an endpoint's finished deliveries of a span of time again, oldest first. */
export async function replayEndpoint(
  deps: Deps,
  access: TenantAccess,
  endpoint_id: string,
  { cursor, ...wanted }: WantedReplay,
): Promise<Result<Replayed, Problem>> {
  const owned = await requireEndpoint(deps, access, endpoint_id)
  if (!owned.ok) return owned
  const started_at = deps.now()
  let count = 0
  let query: ReplayQuery = { ...wanted, limit: PAGE, ...(cursor !== undefined && { cursor }) }
  for (;;) {
    const page = await callEndpoint(deps.env, endpoint_id, (stub) => stub.replay(query))
    count += page.count
    if (page.next_cursor === null) break
    if (count >= REPLAYED_MAX) return ok({ count, next_cursor: page.next_cursor })
    query = { ...query, cursor: page.next_cursor }
  }
  if (wanted.states.includes('dead')) {
    const { since, until } = wanted
    await deleteReplayed(deps, access.tenant.id, endpoint_id, { since, until, died_until: started_at })
  }
  return ok({ count, next_cursor: null })
}
