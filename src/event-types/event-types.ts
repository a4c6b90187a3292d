import { and, desc, eq, lt, or } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { toPage } from '../http/paging.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { eventTypes } from './table.ts'

export type EventTypeRow = typeof eventTypes.$inferSelect

const MISSING = err(problem('not_found', 'there is no such event type'))

function isNamed(tenant_id: string, name: string) {
  return and(eq(eventTypes.tenant_id, tenant_id), eq(eventTypes.name, name))
}

/** Newest first. */
export async function listEventTypes({ db }: Deps, tenant_id: string, limit: number, after: [number, string] | null) {
  const [created_at, name] = after ?? []
  const isAfter =
    created_at === undefined || name === undefined
      ? undefined
      : or(lt(eventTypes.created_at, created_at), and(eq(eventTypes.created_at, created_at), lt(eventTypes.name, name)))
  const rows = await db
    .select()
    .from(eventTypes)
    .where(and(eq(eventTypes.tenant_id, tenant_id), isAfter))
    .orderBy(desc(eventTypes.created_at), desc(eventTypes.name))
    .limit(limit + 1)
  return toPage(rows, limit, (row) => [row.created_at, row.name])
}

export async function getEventType(
  { db }: Deps,
  tenant_id: string,
  name: string,
): Promise<Result<EventTypeRow, Problem>> {
  const row = await db.select().from(eventTypes).where(isNamed(tenant_id, name)).get()
  return row === undefined ? MISSING : ok(row)
}

export async function updateEventType(
  { db, now }: Deps,
  tenant_id: string,
  name: string,
  description: string | undefined,
): Promise<Result<EventTypeRow, Problem>> {
  const change = { updated_at: now(), ...(description !== undefined && { description }) }
  const row = await db.update(eventTypes).set(change).where(isNamed(tenant_id, name)).returning().get()
  return row === undefined ? MISSING : ok(row)
}

export async function deleteEventType({ db }: Deps, tenant_id: string, name: string): Promise<Result<void, Problem>> {
  const { meta } = await db.delete(eventTypes).where(isNamed(tenant_id, name)).run()
  return meta.changes === 0 ? MISSING : ok(undefined)
}
