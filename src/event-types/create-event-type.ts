import { audited } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import { forgetTenant, type Tenant } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { resolveLimits } from '../tenants/limits.ts'
import { toAuditedType } from './audited-type.ts'
import { checkExample, checkSchema } from './check-fields.ts'
import type { NewEventType } from './contract.ts'
import { type EventType, getEventType } from './event-types.ts'
import { bytesOf, SCHEMA_BYTES_OF_TENANT, schemaLimitReached } from './schema-limits.ts'

/** Adds a type to the catalogue, unless it is there or the tenant has as many as it may. */
export async function createEventType(
  deps: Deps,
  tenant: Tenant,
  { name, description, schema: wanted, example: given, deprecated, archived }: NewEventType,
): Promise<Result<EventType, Problem>> {
  const schema = checkSchema(wanted)
  if (!schema.ok) return schema
  const example = checkExample(given, schema.value)
  if (!example.ok) return example

  const now = deps.now()
  const { event_types: limit, schema_bytes } = resolveLimits(tenant.limits)
  const schema_version = schema.value === null ? 0 : 1
  const { DB } = deps.env
  const insertion = DB.prepare(INSERT).bind(
    tenant.id,
    name,
    description,
    schema_version,
    example.value,
    deprecated ? now : null,
    archived ? now : null,
    now,
    limit,
    schema_bytes - bytesOf(schema.value),
  )
  const after = await toAuditedType({ description, schema: schema.value, example: example.value, deprecated, archived })
  const inserted = await audited(deps, tenant.id, async (trail) =>
    ok(
      await trail.commit(
        { action: 'event_type.create', target: name, after },
        // Of a type that was there already, the first version is there too.
        { decisive: insertion, rest: [DB.prepare(INSERT_SCHEMA).bind(tenant.id, name, schema.value)] },
      ),
    ),
  )
  if (!inserted.ok) return inserted
  if (inserted.value) {
    forgetTenant(tenant.id)
    return getEventType(deps, tenant.id, name)
  }
  const known = await getEventType(deps, tenant.id, name)
  if (known.ok) return err(problem('event_type_exists', `there is an event type ${name} already`))
  const { count } = (await DB.prepare(COUNT).bind(tenant.id).first<{ count: number }>()) ?? { count: 0 }
  if (count < limit) return err(schemaLimitReached(schema_bytes))
  return err(problem('limit_reached', `a tenant may have ${limit} event types`))
}

const COUNT = 'SELECT COUNT(*) AS count FROM event_types WHERE tenant_id = ?1'
// Checked and inserted as one statement: two at once cannot both take the last place.
const INSERT = `INSERT INTO event_types
    (tenant_id, name, description, schema_version, example, deprecated_at, archived_at, created_at, updated_at)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8 FROM tenants
  WHERE id = ?1 AND (${COUNT}) < ?9 AND (?4 = 0 OR ${SCHEMA_BYTES_OF_TENANT} <= ?10)
  ON CONFLICT DO NOTHING`
const INSERT_SCHEMA = `INSERT OR IGNORE INTO event_type_schemas (tenant_id, name, version, schema, created_at)
  SELECT tenant_id, name, 1, ?3, created_at FROM event_types
  WHERE tenant_id = ?1 AND name = ?2 AND schema_version = 1 AND ?3 IS NOT NULL`
