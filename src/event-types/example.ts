import { makeExample } from '../lib/json-schema/example.ts'
import { compileSchema } from '../lib/json-schema/validate.ts'

/**
 * `data` that fits a schema.
 * @param schema as JSON; null demands nothing
 * @returns undefined when none could be made
 */
export function generateExample(schema: string | null): { value: unknown } | undefined {
  if (schema === null) return undefined
  const compiled = compileSchema(schema)
  return compiled.ok ? makeExample(compiled.value, JSON.parse(schema)) : undefined
}
