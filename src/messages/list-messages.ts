import type { Deps } from '../deps.ts'
import { toPage } from '../http/paging.ts'

export interface MessageQuery {
  limit: number
  /** `accepted_at` and id of the last message seen. */
  after: [number, string] | null
  event_type: string | undefined
  since: number | undefined
  until: number | undefined
}

export interface MessageSummary {
  id: string
  type: string
  accepted_at: number
  deliveries: number
}

/** Newest first, from the read model: messages with deliveries and those without, as one list. */
export async function listMessages({ env }: Deps, tenant_id: string, query: MessageQuery) {
  const { limit, after, event_type, since, until } = query
  const [accepted_at, id] = after ?? [until ?? Number.MAX_SAFE_INTEGER, '']
  const { results } = await env.DB.prepare(LIST)
    .bind(tenant_id, accepted_at, id, since ?? 0, event_type ?? null, limit + 1)
    .all<MessageSummary>()
  return toPage(results, limit, (row) => [row.accepted_at, row.id])
}

// Each half walks its primary key from the cursor down and stops at the limit. A message that nobody wanted and that
// was replayed to a new endpoint has rows in both.
const PAGE = `tenant_id = ?1 AND accepted_at >= ?4 AND accepted_at <= ?2 AND (?5 IS NULL OR event_type = ?5)`
const LIST = `SELECT * FROM (
    SELECT message_id AS id, event_type AS type, accepted_at, COUNT(*) AS deliveries FROM deliveries
    WHERE ${PAGE} AND (accepted_at, message_id) < (?2, ?3)
    GROUP BY accepted_at, message_id ORDER BY accepted_at DESC, message_id DESC LIMIT ?6)
  UNION ALL SELECT * FROM (
    SELECT id, event_type AS type, accepted_at, 0 AS deliveries FROM unmatched_messages AS unmatched
    WHERE ${PAGE} AND (accepted_at, id) < (?2, ?3) AND NOT EXISTS (SELECT 1 FROM deliveries AS delivery
      WHERE delivery.tenant_id = ?1 AND delivery.accepted_at = unmatched.accepted_at AND delivery.message_id = unmatched.id)
    ORDER BY accepted_at DESC, id DESC LIMIT ?6)
  ORDER BY accepted_at DESC, id DESC LIMIT ?6`
