import { type Problem, problem } from '../http/problems.ts'
import { encodeUtf8 } from '../lib/utf8.ts'

/** Versions of one schema that messages may name. */
export const VERSIONS_MAX = 10

/** All that a tenant's schemas take, in SQL; what publishing reads grows with it. */
export const SCHEMA_BYTES_OF_TENANT =
  '(SELECT COALESCE(SUM(LENGTH(CAST(schema AS BLOB))), 0) FROM event_type_schemas WHERE tenant_id = ?1)'

export function schemaLimitReached(schema_bytes: number): Problem {
  return problem('limit_reached', `all schemas of a tenant together may have ${schema_bytes} bytes`)
}

export function bytesOf(schema: string | null): number {
  return schema === null ? 0 : encodeUtf8(schema).byteLength
}
