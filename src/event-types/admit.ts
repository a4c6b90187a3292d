import { type Problem, problem } from '../http/problems.ts'
import type { Steps } from '../lib/json-schema/run.ts'
import { compileSchema, validate } from '../lib/json-schema/validate.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { UnknownEventTypes } from '../tenants/table.ts'

/** What publishing needs to know of a type. */
export interface PublishedType {
  name: string
  /** The newest; 0 when it never had a schema. */
  schema_version: number
  is_deprecated: 0 | 1
  is_archived: 0 | 1
  /** By version, as JSON; null demands nothing. */
  schemas: Record<string, string | null>
}

/** The types that have a say, by name. Others are not in it, unless unknown types are refused. */
export type Catalogue = ReadonlyMap<string, PublishedType>

/** Said of a message that is accepted all the same. */
export interface Warning {
  code: 'event_type_deprecated'
  detail: string
}

export interface Candidate {
  event_type: string
  /** Named by its publisher. */
  schema_version: number | undefined
  /** `data`; undefined of a raw message, whose body is its publisher's own affair. */
  data: (() => unknown) | undefined
}

/**
 * Whether the catalogue lets a message in.
 * @param steps what checking all messages of the request may cost
 */
export function admit(
  catalogue: Catalogue,
  unknown_event_types: UnknownEventTypes,
  { event_type, schema_version, data }: Candidate,
  steps: Steps,
): Result<Warning[], Problem> {
  const type = catalogue.get(event_type)
  if (type === undefined && unknown_event_types === 'refuse')
    return err(problem('event_type_unknown', `there is no event type ${event_type}`))
  if (type?.is_archived) return err(problem('event_type_archived', `the event type ${event_type} is archived`))
  const version = schema_version ?? type?.schema_version ?? 0
  const schema = version === 0 ? null : type?.schemas[version]
  if (schema === undefined)
    return err(problem('schema_version_unknown', `${event_type} has no version ${version} of a schema`))
  if (schema !== null && data !== undefined) {
    const errors = check(schema, data(), steps)
    if (errors.length > 0) {
      const [first] = errors
      const detail = `version ${version} of the schema: ${first?.path} ${first?.message}`
      return err(problem('payload_invalid', detail, { errors, extra: { schema_version: version } }))
    }
  }
  return ok(type?.is_deprecated ? [{ code: 'event_type_deprecated', detail: `${event_type} is deprecated` }] : [])
}

function check(schema: string, data: unknown, steps: Steps) {
  const compiled = compileSchema(schema)
  // It was checked when it was saved; a later version of Postern may be stricter.
  if (!compiled.ok) return [{ path: '/data', message: `cannot be checked: the schema ${compiled.error.message}` }]
  return validate(compiled.value, data, steps).map(({ path, message }) => ({ path: `/data${path}`, message }))
}
