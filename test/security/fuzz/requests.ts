/** Requests to draw: each operation by each caller, with parts that are right, nearly right, or nonsense. */
import fc from 'fast-check'
import type { JsonSchema, Operation, Parameter } from './document.ts'
import { DAMAGES, hostileText, type Json, mutated, nonsense } from './nonsense.ts'
import { drawValue, idOf } from './values.ts'

/** Who asks: a role, one that holds less than its role, or nobody whom Postern knows. */
const CALLERS = [
  'operator',
  'admin',
  'developer',
  'publisher',
  'viewer',
  'auditor',
  'narrowed',
  'nobody',
  'made_up',
] as const

export type Caller = (typeof CALLERS)[number]

/** A request in which `{endpoint:3}` and the like stand for ids (world.ts). */
export interface Drawn {
  operation: Operation
  caller: Caller
  method: string
  path: string
  query: Pairs
  headers: Pairs
  body: Buffer | null
  /** How a body comes: with its length, or in pieces. */
  framing: 'length' | 'chunked'
}

const caller: fc.Arbitrary<Caller> = fc.oneof(
  { weight: 5, arbitrary: fc.constant('operator' as const) },
  { weight: 7, arbitrary: fc.constant('admin' as const) },
  { weight: 3, arbitrary: fc.constant('developer' as const) },
  { weight: 4, arbitrary: fc.constantFrom(...CALLERS.slice(3)) },
)

/** What JavaScript takes for a number, and a query should not. */
const oddNumber = fc.constantFrom(
  '',
  ' ',
  '0x10',
  '1e2',
  ' 5 ',
  '5.0',
  '+5',
  '05',
  '-0',
  '5n',
  '１０',
  'Infinity',
  '1_0',
)

/** By one who knows the way, by one who looks for another's, and by one who types anything. */
function parameter(name: string, operation: Operation): fc.Arbitrary<string> {
  if (name === 'tenant') {
    // What can be done once to a tenant is done to one that nobody needs.
    const own = /^(PATCH|DELETE) \/v1\/tenants\/\{tenant\}$/.test(operation.name) ? '{spare:0}' : '{mine:0}'
    return fc.oneof(
      { weight: 20, arbitrary: fc.constant(own) },
      { weight: 3, arbitrary: fc.constant('{theirs:0}') },
      { weight: 1, arbitrary: fc.oneof(fc.constant('nobody'), hostileText.map(encode)) },
    )
  }
  const kind = kindOf(name, operation)
  const own = name === 'version' ? fc.oneof(fc.constantFrom('1', '2'), oddNumber.map(encode)) : idOf(kind)
  return fc.oneof(
    { weight: 12, arbitrary: own },
    { weight: 2, arbitrary: idOf(`their_${kind}`) },
    { weight: 2, arbitrary: fc.oneof(hostileText.map(encode), fc.constantFrom('%', '%zz', '%C0%AF', '%00', '*', '~')) },
  )
}

/** What kind of id a parameter takes. */
function kindOf(name: string, operation: Operation): string {
  if (name === 'id') return operation.path.includes('{tenant}') ? 'delivery' : 'internal'
  return name === 'key' && !operation.path.includes('{tenant}') ? 'operator_key' : name
}

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

type Pairs = [string, string][]

/** A parameter that may be left out, and is nonsense now and then. */
function optional({ name, schema }: Parameter, hostile: fc.Arbitrary<string>): fc.Arbitrary<Pairs> {
  return fc.oneof(
    { weight: 5, arbitrary: fc.constant<Pairs>([]) },
    { weight: 4, arbitrary: drawValue(schema, name).map((value): Pairs => [[name, String(value)]]) },
    { weight: 1, arbitrary: hostile.map((text): Pairs => [[name, text]]) },
  )
}

function queryOf(operation: Operation): fc.Arbitrary<Pairs> {
  const known = operation.query.map((query) =>
    optional(query, query.schema.type === 'integer' ? fc.oneof(oddNumber, hostileText) : hostileText),
  )
  const more = fc.oneof(
    { weight: 15, arbitrary: fc.constant<Pairs>([]) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom('limit', 'cursor', 'confirm', 'tenant', '__proto__', ''), hostileText)
        .map((pair) => [pair]),
    },
  )
  return fc.tuple(more, ...known).map((parts) => parts.flat())
}

const HEADERS = [
  'x-request-id',
  'accept',
  'origin',
  'cookie',
  'cf-connecting-ip',
  'x-forwarded-for',
  'x-http-method-override',
  'content-encoding',
  'if-match',
  'range',
  'traceparent',
]

/** As a client can put it on the wire: no line break, no character beyond latin-1. */
const onWire = (text: string) => text.replaceAll(/[^\t\x20-\x7e\xa0-\xff]/g, '?').trim()
const headerText = hostileText.map(onWire)

function headersOf(operation: Operation): fc.Arbitrary<Pairs> {
  const known = operation.headers.map((header) =>
    optional(header, headerText).map((pairs) => pairs.map(([name, text]): Pairs[number] => [name, onWire(text)])),
  )
  const more = fc.oneof(
    { weight: 12, arbitrary: fc.constant<Pairs>([]) },
    { weight: 1, arbitrary: fc.array(fc.tuple(fc.constantFrom(...HEADERS), headerText), { maxLength: 2 }) },
    { weight: 1, arbitrary: fc.constant<Pairs>([['x-request-id', 'chosen-by-the-caller']]) },
  )
  return fc.tuple(more, ...known).map((parts) => parts.flat())
}

const TYPE = 'application/json'
const TYPES = [
  '',
  'text/plain',
  'application/jsonp',
  'application/json; charset=utf-16',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'APPLICATION/JSON ; charset=utf-8',
  'application/json, text/plain',
]

interface Payload {
  body: Buffer | null
  type: string
}

function payloadOf(schema: JsonSchema, is_required: boolean): fc.Arbitrary<Payload> {
  const right = drawValue(schema)
  const write = (value: Json) => JSON.stringify(value)
  const asJson = (values: fc.Arbitrary<Json>) =>
    values.map((value): Payload => ({ body: Buffer.from(write(value)), type: TYPE }))
  return fc.oneof(
    { weight: 12, arbitrary: asJson(right) },
    { weight: 6, arbitrary: asJson(mutated(right)) },
    { weight: 2, arbitrary: asJson(nonsense) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(right, fc.constantFrom(...DAMAGES))
        .map(([value, damage]): Payload => ({ body: damage(write(value)), type: TYPE })),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(right, fc.constantFrom(...TYPES))
        .map(([value, type]): Payload => ({ body: Buffer.from(write(value)), type })),
    },
    {
      weight: is_required ? 1 : 6,
      arbitrary: fc.constantFrom<Payload[]>({ body: null, type: '' }, { body: null, type: TYPE }),
    },
  )
}

const NOTHING: Payload = { body: null, type: '' }

/** A body where none belongs. */
const unasked = fc.oneof(
  { weight: 15, arbitrary: fc.constant(NOTHING) },
  {
    weight: 1,
    arbitrary: nonsense.map((value): Payload => ({ body: Buffer.from(JSON.stringify(value)), type: TYPE })),
  },
)

function requestsOf(operation: Operation): fc.Arbitrary<Drawn> {
  const names = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '')
  const { body } = operation
  const mayHaveBody = operation.method !== 'GET'
  return fc
    .record({
      caller,
      params: fc.tuple(...names.map((name) => parameter(name, operation))),
      query: queryOf(operation),
      headers: headersOf(operation),
      payload:
        body === null ? (mayHaveBody ? unasked : fc.constant(NOTHING)) : payloadOf(body.schema, body.is_required),
      framing: fc.constantFrom('length', 'length', 'length', 'chunked' as const),
      method: fc.oneof(
        { weight: 60, arbitrary: fc.constant(operation.method) },
        { weight: 1, arbitrary: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'QUERY') },
      ),
    })
    .map(({ params, payload, headers, ...drawn }) => ({
      ...drawn,
      operation,
      path: names.reduce((path, name, i) => path.replace(`{${name}}`, of(drawn.caller, params[i])), operation.path),
      headers: payload.type === '' ? headers : [...headers, ['content-type', payload.type] as [string, string]],
      body: payload.body,
    }))
}

/** To an operator all tenants are open, so what belongs to the other one is left alone. */
function of(caller: Caller, parameter = ''): string {
  return caller === 'operator' ? parameter.replace('{theirs:', '{mine:') : parameter
}

/** Draws from every operation alike. */
export function requestsOfAll(operations: readonly Operation[]): fc.Arbitrary<Drawn> {
  return fc.oneof(...operations.map(requestsOf))
}
