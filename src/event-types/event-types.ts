import { and, desc, eq, lt, ne, or, sql } from 'drizzle-orm'
import { audited } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import { forgetTenant } from '../http/access.ts'
import { toPage } from '../http/paging.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { auditedTypeOf } from './audited-type.ts'
import { eventTypeSchemas, eventTypes } from './table.ts'

export type EventTypeRow = typeof eventTypes.$inferSelect
export type SchemaRow = typeof eventTypeSchemas.$inferSelect

/** A type with what publishers may rely on. */
export interface EventType {
  row: EventTypeRow
  /** The newest, as JSON. */
  schema: string | null
  /** Newest first. */
  versions: Pick<SchemaRow, 'version' | 'created_at'>[]
}

const MISSING = err(problem('not_found', 'there is no such event type'))
const IS_NEWEST = err(
  problem('wrong_state', 'it is the newest version; set `schema` to null to demand nothing any more'),
)
const NO_VERSION = err(problem('not_found', 'there is no such version of the schema'))

function isNamed(tenant_id: string, name: string) {
  return and(eq(eventTypes.tenant_id, tenant_id), eq(eventTypes.name, name))
}

function isSchemaOf(tenant_id: string, name: string, version?: number) {
  const is_version = version === undefined ? undefined : eq(eventTypeSchemas.version, version)
  return and(eq(eventTypeSchemas.tenant_id, tenant_id), eq(eventTypeSchemas.name, name), is_version)
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

/** A type and its schemas, as they were at one moment. */
export async function getEventType({ db }: Deps, tenant_id: string, name: string): Promise<Result<EventType, Problem>> {
  const [[row], versions] = await db.batch([
    db.select().from(eventTypes).where(isNamed(tenant_id, name)),
    db.select().from(eventTypeSchemas).where(isSchemaOf(tenant_id, name)).orderBy(desc(eventTypeSchemas.version)),
  ])
  return row === undefined ? MISSING : ok({ row, schema: versions[0]?.schema ?? null, versions })
}

export async function getSchemaVersion(
  { db }: Deps,
  tenant_id: string,
  name: string,
  version: number,
): Promise<Result<SchemaRow, Problem>> {
  const row = await db
    .select()
    .from(eventTypeSchemas)
    .where(isSchemaOf(tenant_id, name, version))
    .get()
  return row === undefined ? NO_VERSION : ok(row)
}

/** Makes room for newer ones. The newest stays: it is what messages that name none must fit. */
export function deleteSchemaVersion(
  deps: Deps,
  tenant_id: string,
  name: string,
  version: number,
): Promise<Result<void, Problem>> {
  const { db } = deps
  const newest = db.select({ version: eventTypes.schema_version }).from(eventTypes).where(isNamed(tenant_id, name))
  const decisive = db
    .delete(eventTypeSchemas)
    .where(and(isSchemaOf(tenant_id, name, version), ne(eventTypeSchemas.version, sql`(${newest})`)))
  return audited(deps, tenant_id, async (trail) => {
    const entry = { action: 'event_type.schema.delete', target: name, before: { version } } as const
    if (!(await trail.commit(entry, { decisive }))) {
      const row = await getSchemaVersion(deps, tenant_id, name, version)
      return row.ok ? IS_NEWEST : row
    }
    forgetTenant(tenant_id)
    return ok(undefined)
  })
}

export function deleteEventType(deps: Deps, tenant_id: string, name: string): Promise<Result<void, Problem>> {
  const { db } = deps
  return audited(deps, tenant_id, async (trail) => {
    const type = await getEventType(deps, tenant_id, name)
    if (!type.ok) return type
    const before = await auditedTypeOf(type.value)
    const is_deleted = await trail.commit(
      { action: 'event_type.delete', target: name, before },
      {
        decisive: db.delete(eventTypes).where(isNamed(tenant_id, name)),
        rest: [db.delete(eventTypeSchemas).where(isSchemaOf(tenant_id, name))],
      },
    )
    if (!is_deleted) return MISSING
    forgetTenant(tenant_id)
    return ok(undefined)
  })
}
