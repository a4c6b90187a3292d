import type { DeliveryQuery, DeliveryState, DeliveryView } from '../../durable-objects/endpoint/rpc.ts'
import type { Deps } from '../deps.ts'
import { callLanes } from '../endpoints/call-lanes.ts'
import { requireEndpoint } from '../endpoints/find-endpoint.ts'
import type { TenantAccess } from '../http/access.ts'
import { toPage } from '../http/paging.ts'
import type { Problem } from '../http/problems.ts'
import { ok, type Result } from '../lib/result.ts'
import { mergeLanes, type Place, startOf } from './merge-lanes.ts'

export interface Page {
  data: DeliveryView[]
  next_cursor: string | null
}

/**
 * One endpoint's deliveries, exactly: asked of the Endpoint. Newest first.
 * @param wanted `after`: `next` of the page before
 */
export async function listOfEndpoint(
  deps: Deps,
  access: TenantAccess,
  endpoint_id: string,
  { query, after }: { query: Omit<DeliveryQuery, 'below'>; after: Place | null },
): Promise<Result<{ deliveries: DeliveryView[]; next: Place | null }, Problem>> {
  const endpoint = await requireEndpoint(deps, access, endpoint_id)
  if (!endpoint.ok) return endpoint
  const pages = await callLanes(deps.env, endpoint.value, async (stub, lane) => {
    const { deliveries, next } = await stub.list({ ...query, ...(after && { below: startOf(after, lane) }) })
    return { lane, deliveries, next }
  })
  return ok(mergeLanes(pages, query.limit))
}

export interface TenantQuery {
  states: readonly DeliveryState[] | undefined
  event_type: string | undefined
  since: number | undefined
  until: number | undefined
  limit: number
  /** Sort key of the last delivery seen. */
  after: [number, string, string] | null
}

interface Row extends Omit<DeliveryView, 'next_attempt_at'> {
  next_attempt_at: number | null
  disabled: string | null
}

/** All deliveries of a tenant, from the read model, which may lag by seconds. Newest first. */
export async function listOfTenant({ env }: Deps, tenant_id: string, query: TenantQuery): Promise<Page> {
  const { states, event_type, since, until, limit } = query
  const after = query.after ?? [until ?? Number.MAX_SAFE_INTEGER, '', '']
  const stored = states === undefined ? null : JSON.stringify([...new Set(states.flatMap(storedStates))])
  const shown = states === undefined ? null : JSON.stringify(states)
  const { results } = await env.DB.prepare(LIST)
    .bind(tenant_id, ...after, since ?? 0, event_type ?? null, stored, shown, limit + 1)
    .all<Row>()
  const page = toPage(results, limit, (row) => [row.accepted_at, row.message_id, row.endpoint_id])
  return { data: page.data.map(toView), next_cursor: page.next_cursor }
}

/** `parked` and `delivering` are not stored: they follow from the Endpoint's condition. */
function storedStates(state: DeliveryState): DeliveryState[] {
  return state === 'parked' || state === 'delivering' ? ['pending', 'waiting'] : [state]
}

function toView({ disabled, ...row }: Row): DeliveryView {
  return row.state === 'parked' ? { ...row, reason: `endpoint_disabled: ${disabled}`, next_attempt_at: null } : row
}

// A deleted endpoint has no deliveries any more, though rows of the read model outlive it.
const LIST = `SELECT * FROM (
    SELECT d.message_id, d.endpoint_id, d.event_type, d.reason, d.attempts, d.last_status, d.last_error, d.ordering_key,
      d.accepted_at, d.next_attempt_at, d.finished_at, d.erased_at, d.updated_at, e.disabled,
      CASE WHEN d.finished_at IS NULL AND e.disabled IS NOT NULL THEN 'parked' ELSE d.state END AS state
    FROM deliveries d JOIN endpoints e ON e.tenant_id = d.tenant_id AND e.id = d.endpoint_id
    WHERE d.tenant_id = ?1 AND d.accepted_at >= ?5 AND d.accepted_at <= ?2
      AND (d.accepted_at, d.message_id, d.endpoint_id) < (?2, ?3, ?4)
      AND (?6 IS NULL OR d.event_type = ?6)
      AND (?7 IS NULL OR d.state IN (SELECT value FROM json_each(?7)))
      AND (?8 IS NULL OR CASE WHEN d.finished_at IS NULL AND e.disabled IS NOT NULL THEN 'parked' ELSE d.state END
        IN (SELECT value FROM json_each(?8)))
    ORDER BY d.accepted_at DESC, d.message_id DESC, d.endpoint_id DESC LIMIT ?9)`
