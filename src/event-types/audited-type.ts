import type { Shown } from '../audit/entry.ts'
import { sha256Hex } from '../lib/hash.ts'
import type { EventType } from './event-types.ts'

/** What of a type is recorded. */
export interface AuditedType {
  description: string
  /** JSON. */
  schema: string | null
  example: string | null
  deprecated?: boolean | undefined
  archived?: boolean | undefined
}

/** A type as the audit log shows it: with digests of what may be long, or hold somebody's data. */
export async function toAuditedType({ schema, example, ...type }: AuditedType): Promise<Shown> {
  return {
    description: type.description,
    schema_sha256: schema && (await sha256Hex(schema)),
    example_sha256: example && (await sha256Hex(example)),
    deprecated: type.deprecated ?? false,
    archived: type.archived ?? false,
  }
}

/** One that is there already. */
export function auditedTypeOf({ row, schema }: EventType): Promise<Shown> {
  const { description, example, deprecated_at, archived_at } = row
  const times = { deprecated: deprecated_at !== null, archived: archived_at !== null }
  return toAuditedType({ description, schema, example, ...times })
}
