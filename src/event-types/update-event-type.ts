import { audited, type Trail } from '../audit/audited.ts'
import { changeOf } from '../audit/entry.ts'
import type { Deps } from '../deps.ts'
import { forgetTenant, type Tenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { resolveLimits } from '../tenants/limits.ts'
import { auditedTypeOf, toAuditedType } from './audited-type.ts'
import { checkExample, checkSchema } from './check-fields.ts'
import type { EventTypeChange } from './contract.ts'
import { type EventType, getEventType } from './event-types.ts'
import { bytesOf, SCHEMA_BYTES_OF_TENANT, schemaLimitReached, VERSIONS_MAX } from './schema-limits.ts'

/** Changes what is named. Another schema becomes the next version; those before stay, for messages that name them. */
export function updateEventType(
  deps: Deps,
  tenant: Tenant,
  name: string,
  change: EventTypeChange,
): Promise<Result<EventType, Problem>> {
  return audited(deps, tenant.id, (trail) => write(deps, trail, tenant, name, change))
}

async function write(
  deps: Deps,
  trail: Trail,
  tenant: Tenant,
  name: string,
  change: EventTypeChange,
): Promise<Result<EventType, Problem>> {
  const present = await getEventType(deps, tenant.id, name)
  if (!present.ok) return present
  const { row, schema: old_schema, versions } = present.value
  const wanted = 'schema' in change ? checkSchema(change.schema) : ok(old_schema)
  if (!wanted.ok) return wanted
  const schema = wanted.value
  const present_example = row.example === null ? null : (JSON.parse(row.example) as unknown)
  // Also one that was there before: it has to fit the schema that comes.
  const example = checkExample('example' in change ? change.example : present_example, schema)
  if (!example.ok) return example

  const now = deps.now()
  const is_new = schema !== old_schema
  const version = row.schema_version + (is_new ? 1 : 0)
  const { schema_bytes } = resolveLimits(tenant.limits)
  const { description = row.description } = change
  const deprecated_at = timeOf(change.deprecated, row.deprecated_at, now)
  const archived_at = timeOf(change.archived, row.archived_at, now)
  const { DB } = deps.env
  const insert = DB.prepare(INSERT_SCHEMA).bind(
    tenant.id,
    name,
    version,
    schema,
    now,
    VERSIONS_MAX,
    schema_bytes - bytesOf(schema),
  )
  const update = DB.prepare(UPDATE).bind(
    tenant.id,
    name,
    row.schema_version,
    version,
    description,
    example.value,
    deprecated_at,
    archived_at,
    now,
  )
  const before = await auditedTypeOf(present.value)
  const after = await toAuditedType({
    description,
    schema,
    example: example.value,
    deprecated: deprecated_at !== null,
    archived: archived_at !== null,
  })
  const entry = { action: 'event_type.update', target: name, ...changeOf(before, after) } as const
  if (await trail.commit(entry, { first: is_new ? [insert] : [], decisive: update })) {
    forgetTenant(tenant.id)
    return getEventType(deps, tenant.id, name)
  }
  const meanwhile = await getEventType(deps, tenant.id, name)
  if (!meanwhile.ok) return meanwhile
  if (meanwhile.value.row.schema_version !== row.schema_version)
    return err(problem('changed_meanwhile', 'its schema was changed by somebody else'))
  if (versions.length < VERSIONS_MAX) return err(schemaLimitReached(schema_bytes))
  return err(problem('limit_reached', `a schema may have ${VERSIONS_MAX} versions: delete one that nobody names`))
}

/** Since when it is so, which a repeated call does not change. */
function timeOf(wanted: boolean | undefined, since: number | null, now: number): number | null {
  if (wanted === undefined) return since
  return wanted ? (since ?? now) : null
}

const INSERT_SCHEMA = `INSERT OR IGNORE INTO event_type_schemas (tenant_id, name, version, schema, created_at)
  SELECT tenant_id, name, ?3, ?4, ?5 FROM event_types
  WHERE tenant_id = ?1 AND name = ?2 AND schema_version = ?3 - 1
    AND (SELECT COUNT(*) FROM event_type_schemas WHERE tenant_id = ?1 AND name = ?2) < ?6
    AND (?4 IS NULL OR ${SCHEMA_BYTES_OF_TENANT} <= ?7)`
// Goes on only where the version it names is there: both or neither.
const UPDATE = `UPDATE event_types SET schema_version = ?4, description = ?5, example = ?6, deprecated_at = ?7,
    archived_at = ?8, updated_at = ?9
  WHERE tenant_id = ?1 AND name = ?2 AND schema_version = ?3 AND (?4 = 0 OR EXISTS (
    SELECT 1 FROM event_type_schemas WHERE tenant_id = ?1 AND name = ?2 AND version = ?4))`
