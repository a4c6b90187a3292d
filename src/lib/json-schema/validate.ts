/**
 * JSON Schema 2020-12 for schemas and values that nobody trusts. It is interpreted, because workerd has
 * no `eval`; every step is counted; regular expressions run on RE2; and no document but the schema
 * itself is ever read. `format` says what a value means and is not checked, as the draft has it.
 */
import { err, ok, type Result } from '../result.ts'
import { encodeUtf8 } from '../utf8.ts'
import { Compiler, NotASchema } from './compiler.ts'
import { IN_PLACE_KEYWORDS } from './keywords-in-place.ts'
import { PART_KEYWORDS } from './keywords-of-parts.ts'
import { VALUE_KEYWORDS } from './keywords-of-values.ts'
import { Run, type SchemaError, Steps, TooCostly } from './run.ts'
import { evaluate, type Schema } from './schema.ts'

export type { SchemaError }

export const SCHEMA_BYTES_MAX = 32 * 1024

/** Some 50 ms of work, half a second where all of it is regular expressions; a payload of 256 KiB takes a part of that. */
const STEPS_MAX = 1_000_000
/** Of all messages of a request together. */
const STEPS_OF_REQUEST_MAX = 4_000_000
/** Weight of the schemas that are kept, about a fiftieth of the memory they take. */
const KEPT_WEIGHT_MAX = 256 * 1024
/** What an instruction of a regular expression weighs, beside the characters of the schema. */
const INSTRUCTION_WEIGHT = 4

const KEYWORDS = new Map([...IN_PLACE_KEYWORDS, ...VALUE_KEYWORDS, ...PART_KEYWORDS])

/** The least recently used comes first. */
const kept = new Map<string, { schema: Schema; weight: number }>()
let kept_weight = 0

/** What all checks of one request may cost. */
export function createSteps(): Steps {
  return new Steps(STEPS_OF_REQUEST_MAX)
}

/**
 * Makes a schema of its JSON text; what was made before is remembered by the text, so that the same
 * schema is made once whoever has it.
 */
export function compileSchema(text: string): Result<Schema, SchemaError> {
  const known = kept.get(text)
  if (known !== undefined) {
    kept.delete(text)
    kept.set(text, known)
    return ok(known.schema)
  }
  if (encodeUtf8(text).byteLength > SCHEMA_BYTES_MAX)
    return err({ path: '', message: `a schema may have ${SCHEMA_BYTES_MAX} bytes` })
  try {
    const compiler = new Compiler(JSON.parse(text), KEYWORDS)
    const schema = compiler.compile()
    keep(text, schema, text.length + compiler.instructions * INSTRUCTION_WEIGHT)
    return ok(schema)
  } catch (error) {
    if (error instanceof NotASchema) return err(error.error)
    if (error instanceof TooCostly) return err({ path: '', message: error.message })
    throw error
  }
}

function keep(text: string, schema: Schema, weight: number): void {
  kept.set(text, { schema, weight })
  kept_weight += weight
  for (const [oldest, { weight }] of kept) {
    if (kept_weight <= KEPT_WEIGHT_MAX) return
    kept.delete(oldest)
    kept_weight -= weight
  }
}

/** What is wrong with a value: nothing, some of it, or that it costs too much to tell. */
export function validate(schema: Schema, value: unknown, shared: Steps = createSteps()): SchemaError[] {
  const run = new Run([new Steps(STEPS_MAX), shared])
  try {
    evaluate(schema, value, null, run, null)
    return run.errors
  } catch (error) {
    if (!(error instanceof TooCostly)) throw error
    return [{ path: '', message: `cannot be checked: ${error.message}` }]
  }
}
