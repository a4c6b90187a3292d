/** What no answer may be, whatever was asked. Schemas are judged by ajv, not by what Postern validates with. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { mayUse } from '../expected-access.ts'
import { type JsonSchema, type Operation, resolvePath } from './document.ts'
import type { Answer, Request } from './exchange.ts'
import type { Caller } from './requests.ts'
import { NARROWED_SCOPES, type World } from './world.ts'

/** What of a stack, a library or a table must stay inside. */
const INTERNALS =
  /\bat \S+ \(|\.[tj]s:\d+|node_modules|D1_[A-Z]+|SQLITE|drizzle|\bSELECT \S+ FROM\b|ZodError|(Type|Range|Syntax|Reference)Error|Cannot read prop|is not a function|\[object Object\]/i

/** A page of 250 takes some of it on a machine under load; what goes on longer hangs. */
const TOOK_MS_MAX = 15_000

const PROBLEM_TYPE = 'application/problem+json'

/** Pages that are not of the API. */
const PAGES = /^(GET|HEAD) \/(docs(\/\w+)?|openapi\.json)$/

export class Judge {
  readonly #operations: readonly Operation[]
  readonly #validators = new WeakMap<JsonSchema, ValidateFunction>()
  readonly #ajv = new Ajv2020({ strict: false, allErrors: false })
  readonly #problem: JsonSchema

  constructor(operations: readonly Operation[], problem: JsonSchema) {
    this.#operations = operations
    this.#problem = problem
    addFormats.default(this.#ajv)
  }

  /** What is wrong with this answer; null when nothing is. */
  objection(world: World, caller: Caller, request: Request, answer: Answer): string | null {
    const { pathname, searchParams } = new URL(request.path, 'http://postern.test')
    if (PAGES.test(`${request.method} ${pathname}`)) return null
    const found = resolvePath(this.#operations, request.method, pathname)
    return (
      this.#ofEvery(world, request, answer) ??
      (answer.status >= 400
        ? this.#ofRefusal(request, answer, found?.operation)
        : found === null
          ? answer.status < 300 && request.method === 'HEAD'
            ? null
            : `${answer.status} for a route that is not documented`
          : (this.#ofAccess(world, caller, found.operation, found.params) ??
            this.#ofAccepted(request, found.params, searchParams, found.operation) ??
            this.#ofAnswer(answer, found.operation)))
    )
  }

  #ofEvery(world: World, request: Request, { status, headers, text, took_ms }: Answer): string | null {
    if (status >= 500) return `status ${status}`
    if (took_ms > TOOK_MS_MAX) return `took ${Math.round(took_ms)} ms`
    if ((headers['x-request-id'] ?? '') === '') return 'no x-request-id'
    if (headers['x-content-type-options'] !== 'nosniff') return 'no x-content-type-options'
    if (request.method === 'HEAD' && text !== '') return 'HEAD has a body'
    for (const key of Object.values(world.keys)) if (key !== null && text.includes(key)) return 'shows a key'
    return null
  }

  #ofRefusal(
    { method, body }: Request,
    { status, headers, text }: Answer,
    operation: Operation | undefined,
  ): string | null {
    if (method === 'HEAD') return null
    if (headers['content-type'] !== PROBLEM_TYPE) return `a refusal of type ${headers['content-type']}`
    const problem = readJson(text)
    const misfit = this.#misfit(this.#problem, problem)
    if (misfit !== null) return `not a problem: ${misfit}`
    const { request_id, status: said, code, type } = problem as Record<string, unknown>
    if (said !== status) return `the problem says ${said}`
    if (request_id !== headers['x-request-id']) return 'request_id and x-request-id differ'
    if (typeof type !== 'string' || !type.endsWith(String(code))) return `type ${type} does not name ${code}`
    const leak = INTERNALS.exec(text)?.[0]
    if (leak !== undefined && body?.toString().includes(leak) !== true) return `shows ${leak}`
    if (operation !== undefined && !operation.answers.has(status)) return `${status} is not documented`
    return null
  }

  /** Who got something may have it. */
  #ofAccess(world: World, caller: Caller, { permission }: Operation, params: Record<string, string>): string | null {
    if (permission === 'public') return null
    if (!isLetThrough(caller, permission)) return `${caller} has no ${permission}`
    const { tenant, ...ids } = params
    if (tenant === world.theirs || (tenant !== undefined && tenant !== world.mine && caller !== 'operator')) {
      return `${caller} is let into ${tenant}`
    }
    const foreign = Object.entries(world.known)
      .filter(([kind]) => kind.startsWith('their_'))
      .flatMap(([, known]) => known)
    const taken = Object.values(ids).find((id) => foreign.includes(id))
    return taken === undefined ? null : `${taken} belongs to another tenant`
  }

  /** What was accepted is what the document allows. */
  #ofAccepted(
    { headers, body }: Request,
    params: Record<string, string>,
    searchParams: URLSearchParams,
    operation: Operation,
  ): string | null {
    for (const { name, schema } of operation.params) {
      const misfit = this.#misfit(schema, ofText(params[name] ?? '', schema))
      if (misfit !== null) return `accepted nonsense in the path: ${name}=${params[name]} ${misfit}`
    }
    for (const { name, schema, required } of operation.query) {
      const values = searchParams.getAll(name)
      if (values.length === 0 && required !== true) continue
      if (values.length !== 1) return `accepted ${values.length} of the query's ${name}`
      const misfit = this.#misfit(schema, ofText(values[0] ?? '', schema))
      if (misfit !== null) return `accepted nonsense in the query: ${name}=${values[0]} ${misfit}`
    }
    for (const { name, schema } of operation.headers) {
      const values = headers.filter(([written]) => written.toLowerCase() === name)
      if (values.length === 0) continue
      const misfit = this.#misfit(schema, values.map(([, value]) => value.trim()).join(', '))
      if (misfit !== null) return `accepted nonsense in the header ${name}: ${misfit}`
    }
    if (operation.body === null) return null
    const { is_required, schema } = operation.body
    const text = readUtf8(body ?? Buffer.alloc(0))
    if (text === '') return is_required ? 'accepted without a body' : null
    const value = text === null ? undefined : readJson(text)
    if (value === undefined) return 'accepted a body that is not JSON'
    const type = headers.find(([name]) => name === 'content-type')?.[1] ?? ''
    if (!/^application\/json\s*(;|$)/i.test(type)) return `accepted a body of type ${type}`
    const misfit = this.#misfit(schema, value)
    return misfit === null ? null : `accepted nonsense: ${misfit}`
  }

  /** What is answered is what the document promises, and no more. */
  #ofAnswer({ status, headers, text }: Answer, operation: Operation): string | null {
    const promised = operation.answers.get(status)
    if (promised === undefined) return `${status} is not documented`
    if (promised === null) return text === '' ? null : 'a body where none is documented'
    if (headers['content-type'] !== promised.type) return `an answer of type ${headers['content-type']}`
    if (promised.type !== 'application/json') return null
    const misfit = this.#misfit(closed(promised.schema), readJson(text))
    return misfit === null ? null : `the answer is not as documented: ${misfit}`
  }

  #misfit(schema: JsonSchema, value: unknown): string | null {
    let validate = this.#validators.get(schema)
    if (validate === undefined) {
      validate = this.#ajv.compile(schema)
      this.#validators.set(schema, validate)
    }
    if (validate(value)) return null
    const [first] = validate.errors ?? []
    return `${first?.instancePath || 'it'} ${first?.message} ${JSON.stringify(first?.params)}`
  }
}

function isLetThrough(caller: Caller, permission: string): boolean {
  if (caller === 'nobody' || caller === 'made_up') return false
  return caller === 'narrowed' ? NARROWED_SCOPES.includes(permission) : mayUse(caller, permission)
}

const closed_schemas = new WeakMap<JsonSchema, JsonSchema>()

/** The same schema, that takes no member that it does not name. */
function closed(schema: JsonSchema): JsonSchema {
  let found = closed_schemas.get(schema)
  if (found === undefined) {
    found = close(schema, true)
    closed_schemas.set(schema, found)
  }
  return found
}

function close(schema: JsonSchema, is_whole: boolean): JsonSchema {
  const each = (list: JsonSchema[], whole: boolean) => list.map((part) => close(part, whole))
  const has_members = schema.properties !== undefined || schema.allOf !== undefined
  return {
    ...schema,
    ...(schema.properties && {
      properties: Object.fromEntries(
        Object.entries(schema.properties).map(([name, member]) => [name, close(member, true)]),
      ),
    }),
    ...(schema.items && { items: close(schema.items, true) }),
    ...(schema.anyOf && { anyOf: each(schema.anyOf, is_whole) }),
    ...(schema.allOf && { allOf: each(schema.allOf, false) }),
    ...(is_whole && has_members && schema.additionalProperties === undefined && { unevaluatedProperties: false }),
  }
}

/** A number in a query is written as one writes whole numbers, and not as JavaScript might read one. */
function ofText(text: string, { type }: JsonSchema): unknown {
  return type === 'integer' && /^-?\d{1,15}$/.test(text) ? Number(text) : text
}

/** Null when it is none. */
function readUtf8(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return null
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
