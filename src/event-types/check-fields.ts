import { type Problem, problem } from '../http/problems.ts'
import { compileSchema, SCHEMA_BYTES_MAX, validate } from '../lib/json-schema/validate.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { encodeUtf8 } from '../lib/utf8.ts'

/** A schema as it is kept: its JSON, once it is known to be one that can be used. */
export function checkSchema(schema: unknown): Result<string | null, Problem> {
  if (schema === null || schema === undefined) return ok(null)
  const text = toJson(schema)
  if (text === null) return refuseSchema('', 'it is nested too deeply')
  const compiled = compileSchema(text)
  return compiled.ok ? ok(text) : refuseSchema(compiled.error.path, compiled.error.message)
}

/** An example as it is kept, once it is known to fit. */
export function checkExample(example: unknown, schema: string | null): Result<string | null, Problem> {
  if (example === null || example === undefined) return ok(null)
  const text = toJson(example)
  if (text === null || encodeUtf8(text).byteLength > SCHEMA_BYTES_MAX)
    return refuseExample([{ path: '/example', message: `an example may have ${SCHEMA_BYTES_MAX} bytes` }])
  const compiled = schema === null ? null : compileSchema(schema)
  const errors = compiled?.ok ? validate(compiled.value, JSON.parse(text)) : []
  if (errors.length === 0) return ok(text)
  return refuseExample(errors.map(({ path, message }) => ({ path: `/example${path}`, message })))
}

function refuseSchema(pointer: string, message: string): Result<never, Problem> {
  const path = `/schema${pointer}`
  return err(problem('invalid_schema', `${path}: ${message}`, { errors: [{ path, message }] }))
}

function refuseExample(errors: { path: string; message: string }[]): Result<never, Problem> {
  const [first] = errors
  return err(problem('invalid_request', `${first?.path}: ${first?.message}`, { errors }))
}

/** Null when it is nested deeper than the stack reaches. */
function toJson(value: unknown): string | null {
  try {
    return JSON.stringify(value)
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}
