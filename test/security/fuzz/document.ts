/** The OpenAPI document as the fuzzer reads it. */

/** The part of JSON Schema that the document uses. */
export interface JsonSchema {
  $ref?: string
  type?: string | string[]
  properties?: Record<string, JsonSchema>
  required?: string[]
  additionalProperties?: boolean | JsonSchema
  unevaluatedProperties?: boolean
  items?: JsonSchema
  anyOf?: JsonSchema[]
  allOf?: JsonSchema[]
  enum?: unknown[]
  const?: unknown
  example?: unknown
  pattern?: string
  format?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
}

export interface Parameter {
  name: string
  in: string
  required?: boolean
  schema: JsonSchema
}

type Content = Record<string, { schema?: JsonSchema }>

interface Contract {
  'x-permission': string
  parameters?: Parameter[]
  requestBody?: { required?: boolean; content: Content }
  responses: Record<string, { content?: Content }>
}

export interface Document {
  paths: Record<string, Record<string, Contract>>
  components: { schemas: Record<string, JsonSchema> }
}

export interface Operation {
  /** `POST /v1/tenants/{tenant}/messages`. */
  name: string
  method: string
  path: string
  /** A permission, or `public`. */
  permission: string
  params: Parameter[]
  query: Parameter[]
  headers: Parameter[]
  body: { is_required: boolean; schema: JsonSchema } | null
  /** Schema of the answer for each status that is documented; null where there is no body. */
  answers: ReadonlyMap<number, { type: string; schema: JsonSchema } | null>
}

/** Every operation of the document, with each `$ref` replaced by what it refers to. */
export function operationsOf(document: Document): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([lower, contract]) => {
      const method = lower.toUpperCase()
      const { requestBody, parameters = [] } = contract
      const schema = requestBody?.content['application/json']?.schema
      return {
        name: `${method} ${path}`,
        method,
        path,
        permission: contract['x-permission'],
        params: parameters.filter((parameter) => parameter.in === 'path'),
        query: parameters.filter((parameter) => parameter.in === 'query'),
        headers: parameters.filter((parameter) => parameter.in === 'header'),
        body:
          schema === undefined
            ? null
            : { is_required: requestBody?.required === true, schema: inline(schema, document) },
        answers: new Map(
          Object.entries(contract.responses).map(([status, { content }]) => [
            Number(status),
            answerOf(content, document),
          ]),
        ),
      }
    }),
  )
}

function answerOf(content: Content | undefined, document: Document) {
  const [[type, { schema }] = ['', {}]] = Object.entries(content ?? {})
  return schema === undefined ? null : { type, schema: inline(schema, document) }
}

/** @throws RangeError for a schema that refers to itself; there is none */
function inline(schema: JsonSchema, document: Document): JsonSchema {
  if (schema.$ref !== undefined) {
    const named = document.components.schemas[schema.$ref.split('/').at(-1) ?? '']
    if (named === undefined) throw new Error(`${schema.$ref} is not in the document`)
    const { $ref: _, ...beside } = schema
    return { ...inline(named, document), ...beside }
  }
  const each = (list: JsonSchema[]) => list.map((part) => inline(part, document))
  return {
    ...schema,
    ...(schema.properties && {
      properties: Object.fromEntries(
        Object.entries(schema.properties).map(([name, member]) => [name, inline(member, document)]),
      ),
    }),
    ...(schema.items && { items: inline(schema.items, document) }),
    ...(schema.anyOf && { anyOf: each(schema.anyOf) }),
    ...(schema.allOf && { allOf: each(schema.allOf) }),
    ...(typeof schema.additionalProperties === 'object' && {
      additionalProperties: inline(schema.additionalProperties, document),
    }),
  }
}

/** The operation that a path leads to, and what its parameters are; null when it leads to none. */
export function resolvePath(
  operations: readonly Operation[],
  method: string,
  pathname: string,
): { operation: Operation; params: Record<string, string> } | null {
  const given = pathname.split('/')
  for (const operation of operations) {
    if (operation.method !== method) continue
    const params = match(operation.path.split('/'), given)
    if (params !== null) return { operation, params }
  }
  return null
}

function match(wanted: string[], given: string[]): Record<string, string> | null {
  if (wanted.length !== given.length) return null
  const params: Record<string, string> = {}
  for (const [i, segment] of wanted.entries()) {
    const text = given[i] ?? ''
    if (segment.startsWith('{')) {
      if (text === '') return null
      params[segment.slice(1, -1)] = decode(text)
    } else if (segment !== text) return null
  }
  return params
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
