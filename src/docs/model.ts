/** What the reference page shows, taken from the OpenAPI document. */
import type { openApiDocument } from './openapi.ts'

type Document = ReturnType<typeof openApiDocument>

export interface Schema {
  name: string
  type: string
  is_required: boolean
  description: string
}

export interface Operation {
  id: string
  method: string
  path: string
  summary: string
  description: string
  permission: string
  /** `always` or `conditional` where it asks for a one-time code. */
  step_up: string | null
  parameters: Schema[]
  body: Schema[]
  status: string
  answer: Schema[]
  /** JSON of a small body that would be accepted; null when there is none. */
  example: string | null
}

export interface Tag {
  name: string
  description: string
  operations: Operation[]
}

/** The part of JSON Schema that zod-openapi writes. */
interface JsonSchema {
  $ref?: string
  type?: string | string[]
  description?: string
  properties?: Record<string, JsonSchema>
  required?: string[]
  items?: JsonSchema
  enum?: unknown[]
  anyOf?: JsonSchema[]
  allOf?: JsonSchema[]
  example?: unknown
  default?: unknown
  minimum?: number
  maximum?: number
}

interface RawOperation {
  summary?: string
  description?: string
  tags?: string[]
  'x-permission'?: string
  'x-step-up'?: string
  parameters?: { name: string; in: string; required?: boolean; schema?: JsonSchema; description?: string }[]
  requestBody?: { content: Record<string, { schema?: JsonSchema }> }
  responses: Record<string, { content?: Record<string, { schema?: JsonSchema }> }>
}

export function operationsByTag(document: Document): Tag[] {
  const schemas = (document.components?.schemas ?? {}) as Record<string, JsonSchema>
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, RawOperation>).map(([method, operation]) => ({
      tag: operation.tags?.[0] ?? '',
      operation: toOperation(method, path, operation, schemas),
    })),
  )
  return (document.tags ?? []).map(({ name, description = '' }) => ({
    name,
    description,
    operations: operations.filter(({ tag }) => tag === name).map(({ operation }) => operation),
  }))
}

function toOperation(
  method: string,
  path: string,
  operation: RawOperation,
  schemas: Record<string, JsonSchema>,
): Operation {
  const resolve = (schema: JsonSchema | undefined) => resolveSchema(schema, schemas)
  const body = resolve(operation.requestBody?.content['application/json']?.schema)
  const status = Object.keys(operation.responses).find((code) => code.startsWith('2')) ?? '200'
  const answer = resolve(operation.responses[status]?.content?.['application/json']?.schema)
  return {
    id: `${method}${path.replaceAll(/[^a-z0-9]+/gi, '-')}`,
    method,
    path,
    summary: operation.summary ?? '',
    description: operation.description ?? '',
    permission: operation['x-permission'] ?? '',
    step_up: operation['x-step-up'] ?? null,
    parameters: (operation.parameters ?? []).map((parameter) => ({
      name: parameter.name,
      type: `${typeOf(parameter.schema ?? {})} in ${parameter.in}`,
      is_required: parameter.required ?? false,
      description: parameter.description ?? parameter.schema?.description ?? '',
    })),
    body: membersOf(body, resolve),
    status,
    answer: membersOf(answer, resolve),
    example: body === null ? null : JSON.stringify(exampleOf(body, resolve)),
  }
}

type Resolve = (schema: JsonSchema | undefined) => JsonSchema | null

function resolveSchema(schema: JsonSchema | undefined, schemas: Record<string, JsonSchema>): JsonSchema | null {
  if (schema === undefined) return null
  if (schema.$ref !== undefined) return resolveSchema(schemas[schema.$ref.split('/').at(-1) ?? ''], schemas)
  if (schema.allOf === undefined) return schema
  const parts = schema.allOf.flatMap((part) => resolveSchema(part, schemas) ?? [])
  return {
    ...schema,
    properties: Object.assign({}, ...parts.map((part) => part.properties)),
    required: parts.flatMap((part) => part.required ?? []),
  }
}

/** Members of an object; of a choice of objects, those of all of them. */
function membersOf(schema: JsonSchema | null, resolve: Resolve): Schema[] {
  if (schema === null) return []
  const variants = schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap((variant) => resolve(variant) ?? [])
  const members = new Map<string, Schema>()
  for (const { properties = {}, required = [] } of variants) {
    for (const [name, member] of Object.entries(properties)) {
      const resolved = resolve(member) ?? {}
      const is_required = variants.every((variant) => variant.required?.includes(name)) && required.includes(name)
      members.set(name, { name, type: typeOf(member, resolved), is_required, description: describe(member, resolved) })
    }
  }
  return [...members.values()]
}

function typeOf(schema: JsonSchema, resolved: JsonSchema = schema): string {
  if (schema.$ref !== undefined && resolved.enum === undefined) return schema.$ref.split('/').at(-1) ?? 'object'
  if (resolved.enum !== undefined) return resolved.enum.map((value) => JSON.stringify(value)).join(' | ')
  if (resolved.items !== undefined) return `${typeOf(resolved.items)}[]`
  if (resolved.anyOf !== undefined) return resolved.anyOf.map((variant) => typeOf(variant)).join(' | ')
  return [resolved.type ?? 'any'].flat().join(' | ')
}

function describe(schema: JsonSchema, resolved: JsonSchema): string {
  const { minimum, maximum } = resolved
  const range = minimum !== undefined && maximum !== undefined ? `${minimum}–${maximum}.` : ''
  const preset = schema.default === undefined ? '' : `Default ${JSON.stringify(schema.default)}.`
  return [schema.description ?? resolved.description ?? '', range, preset].filter(Boolean).join(' ')
}

/** A body of what is required, from the examples of its members. */
function exampleOf(schema: JsonSchema, resolve: Resolve): unknown {
  if (schema.example !== undefined) return schema.example
  const [variant] = schema.anyOf ?? []
  if (variant !== undefined) return exampleOf(resolve(variant) ?? {}, resolve)
  if (schema.properties !== undefined) {
    const shown = Object.entries(schema.properties).filter(
      ([name]) => schema.required?.includes(name) || name === 'data',
    )
    return Object.fromEntries(shown.map(([name, member]) => [name, exampleOf(resolve(member) ?? {}, resolve)]))
  }
  if (schema.items !== undefined) return [exampleOf(resolve(schema.items) ?? {}, resolve)]
  if (schema.enum !== undefined) return schema.enum[0]
  const [type] = [schema.type ?? 'object'].flat()
  return type === 'integer' || type === 'number'
    ? (schema.minimum ?? 1)
    : type === 'string'
      ? 'text'
      : type === 'boolean'
        ? true
        : {}
}
