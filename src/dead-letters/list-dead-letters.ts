import { and, desc, eq, gte, lt, or, type SQL } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { toPage } from '../http/paging.ts'
import { showQueueMessages } from '../redaction/show-queue-messages.ts'
import { deadLetters } from './table.ts'

export type DeadLetterRow = typeof deadLetters.$inferSelect

/** Which of a tenant's dead letters; members that are not there leave nothing out. */
export interface DeadLetterFilter {
  endpoint_id?: string | undefined
  event_type?: string | undefined
  /** Unix milliseconds of death, inclusive. */
  since?: number | undefined
  /** Exclusive. */
  until?: number | undefined
}

/** `died_at` and id of the last one seen. */
export type After = readonly [number, string] | null

/** A tenant's own: deliveries that used up their retries. Newest death first. */
export function listExhausted({ db }: Deps, tenant_id: string, filter: DeadLetterFilter, limit: number, after: After) {
  return list(db, and(isExhausted(tenant_id), fits(filter)), limit, after)
}

/**
 * The operator's: queue messages that Postern could not process. Newest first.
 * @param is_revealed else without the content of messages of which something is redacted
 */
export async function listInternal(deps: Deps, limit: number, after: After, is_revealed: boolean) {
  const { data, next_cursor } = await list(deps.db, eq(deadLetters.cause, 'internal'), limit, after)
  return { data: await showQueueMessages(deps, data, is_revealed), next_cursor }
}

export function isExhausted(tenant_id: string): SQL | undefined {
  return and(eq(deadLetters.tenant_id, tenant_id), eq(deadLetters.cause, 'exhausted'))
}

export function fits({ endpoint_id, event_type, since, until }: DeadLetterFilter): SQL | undefined {
  return and(
    endpoint_id === undefined ? undefined : eq(deadLetters.endpoint_id, endpoint_id),
    event_type === undefined ? undefined : eq(deadLetters.event_type, event_type),
    since === undefined ? undefined : gte(deadLetters.died_at, since),
    until === undefined ? undefined : lt(deadLetters.died_at, until),
  )
}

async function list(db: Deps['db'], isListed: SQL | undefined, limit: number, after: After) {
  const isAfter =
    after === null
      ? undefined
      : or(lt(deadLetters.died_at, after[0]), and(eq(deadLetters.died_at, after[0]), lt(deadLetters.id, after[1])))
  const rows = await db
    .select()
    .from(deadLetters)
    .where(and(isListed, isAfter))
    .orderBy(desc(deadLetters.died_at), desc(deadLetters.id))
    .limit(limit + 1)
  return toPage(rows, limit, (row) => [row.died_at, row.id])
}
