/** Values that a schema describes, near enough: what no schema says (that a URL must be public) comes from hints. */
import fc from 'fast-check'
import type { JsonSchema } from './document.ts'
import type { Json } from './nonsense.ts'

/** Stands for an id that the run knows by then: `{endpoint:3}` (world.ts puts it in). */
export function idOf(kind: string): fc.Arbitrary<string> {
  return fc.nat(7).map((i) => `{${kind}:${i}}`)
}

const eventType = fc.constantFrom('invoice.paid', 'order.created', 'order.line.added', 'user', 'a-b_c.D')
const base64 = (bytes: number) => Buffer.alloc(bytes, 7).toString('base64')

const time = fc.constantFrom(
  '2020-01-01T00:00:00Z',
  '2026-11-24T09:30:00.123Z',
  '2026-11-24T09:30:00+02:00',
  '2099-12-31T23:59:59Z',
)

/** Schemas for the catalogue, and some that an interpreter may choke on. */
const schema = fc.constantFrom<Json[]>(
  null,
  true,
  { type: 'object', required: ['amount'], properties: { amount: { type: 'integer', minimum: 0 } } },
  { type: 'object', additionalProperties: false, patternProperties: { '^a': { type: 'string' } } },
  { $defs: { tree: { type: 'array', items: { $ref: '#/$defs/tree' } } }, $ref: '#/$defs/tree' },
  { $ref: '#' },
  { $ref: 'https://example.com/schema.json' },
  { type: 'string', pattern: '(a+)+$' },
  { type: 'string', pattern: '(' },
  { anyOf: [{ type: 'null' }, { const: { a: [1] } }], unevaluatedProperties: false },
  { multipleOf: 0.01, exclusiveMaximum: 1e300 },
  { type: 'wrong' },
  { minLength: -1 },
  { $dynamicRef: '#x', $dynamicAnchor: 'x' },
  { format: 'date-time', contentEncoding: 'base64' },
)

const expression = fc.constantFrom<(string | null)[]>(
  null,
  'data.amount > 100',
  '{"text": type & ": " & data.id}',
  '$sum(data.lines.price)',
  '$map([1..1000000], function($i) { $i })',
  '($f := function($x) { $f($x) }; $f(1))',
  '$eval("1")',
  '$match(type, /(a+)+$/)',
  'data.(',
  '$$$$',
  '"\\uD800"',
)

const url = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      'https://receiver.example.com/200',
      'https://receiver.example.com/500',
      'https://receiver.example.com/410',
      'https://receiver.example.com/429',
      'https://hooks.example.com:8443/a?b=c&d=%20',
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'http://receiver.example.com/',
      'https://localhost/',
      'https://127.0.0.1/',
      'https://[::ffff:127.0.0.1]/',
      'https://0x7f.1/',
      'https://user:password@receiver.example.com/',
      'https://receiver.example.com/#fragment',
      'https://receiver.example.com:22/',
      'https://ex\u00e4mple.com/',
      'https://receiver.example.com\\@evil.example.com/',
      'javascript:alert(1)',
      'https://',
      'https:///receiver.example.com',
      `https://receiver.example.com/${'a'.repeat(2100)}`,
    ),
  },
)

/** By the name of the member. */
const HINTS: Readonly<Record<string, fc.Arbitrary<Json>>> = {
  url,
  public_url: url,
  type: eventType,
  event_type_prefix: eventType,
  event_type: eventType,
  event_types: fc.oneof(eventType, fc.constantFrom('*', 'invoice.*', '*.paid')),
  name: fc.oneof(idOf('name'), eventType, fc.stringMatching(/^[a-z]{3,8}\.[a-z]{3,8}$/)),
  id: fc.stringMatching(/^f[a-z0-9]{8,12}$/),
  filter: expression,
  transform: expression,
  secret: fc.constantFrom(`whsec_${base64(32)}`, `whsk_${base64(32)}`, `whsec_${base64(8)}`, 'whsec_', base64(32)),
  credentials: fc.constantFrom({ secret: 'for tests only' }, { secret: `whsec_${base64(32)}` }, { token: 'x' }),
  schema,
  example: fc.oneof(fc.constantFrom<Json[]>({ amount: 1 }, null), fc.jsonValue() as fc.Arbitrary<Json>),
  data: fc.oneof(fc.constantFrom<Json[]>({ amount: 42 }, { id: 'x' }), fc.jsonValue() as fc.Arbitrary<Json>),
  schema_version: fc.constantFrom(1, 2, 99),
  ip_allowlist: fc.constantFrom('203.0.113.0/24', '2001:db8::/32', '192.0.2.1', '0.0.0.0/0', '::/0'),
  since: time,
  until: time,
  expires_at: time,
  endpoint_id: idOf('endpoint'),
  endpoint_ids: idOf('endpoint'),
  ids: idOf('delivery'),
  cursor: idOf('cursor'),
  content_type: fc.constantFrom('text/plain', 'application/xml; charset=utf-8', 'application/json'),
  state: fc.constantFrom('succeeded', 'dead', 'waiting,parked', 'pending'),
  version: fc.constantFrom('1', '2'),
  lanes: fc.constantFrom(1, 1, 1, 2, 16),
  'idempotency-key': fc.constantFrom('order-1', 'order-2', 'k'),
}

/** @param name of the member, for its hint */
export function drawValue(schema: JsonSchema, name = ''): fc.Arbitrary<Json> {
  if (schema.enum !== undefined) return fc.constantFrom(...(schema.enum as Json[]))
  if (schema.const !== undefined) return fc.constant(schema.const as Json)
  const types = [schema.type ?? []].flat()
  const hint = HINTS[name]
  if (hint !== undefined && !types.includes('array')) {
    return fc.oneof({ weight: 8, arbitrary: hint }, { weight: 1, arbitrary: bySchema(schema, types, name) })
  }
  return bySchema(schema, types, name)
}

function bySchema(schema: JsonSchema, types: string[], name: string): fc.Arbitrary<Json> {
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((variant) => drawValue(variant, name)))
  if (schema.allOf !== undefined) {
    return fc.tuple(...schema.allOf.map((part) => drawValue(part, name))).map((parts) => Object.assign({}, ...parts))
  }
  const [first, ...others] = types.map((type) => ofType(type, schema, name))
  if (first === undefined) return fc.jsonValue() as fc.Arbitrary<Json>
  return others.length === 0 ? first : fc.oneof(first, ...others)
}

function ofType(type: string, schema: JsonSchema, name: string): fc.Arbitrary<Json> {
  const { minimum: min = -(2 ** 31), maximum: max = 2 ** 31, minItems = 0, maxItems = 4 } = schema
  if (type === 'null') return fc.constant(null)
  if (type === 'boolean') return fc.boolean()
  if (type === 'integer') return fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max))
  if (type === 'number') return fc.double({ min, max, noNaN: true })
  if (type === 'array') {
    return fc.array(drawValue(schema.items ?? {}, name), {
      minLength: minItems,
      maxLength: Math.max(minItems, Math.min(maxItems, 4)),
    })
  }
  return type === 'object' ? ofMembers(schema) : ofText(schema)
}

function ofMembers({ properties = {}, required = [], additionalProperties }: JsonSchema): fc.Arbitrary<Json> {
  const members = Object.entries(properties).map(([name, member]) => {
    const value = drawValue(member, name)
    return required.includes(name)
      ? value.map((drawn) => [[name, drawn]])
      : fc.oneof(
          { weight: 3, arbitrary: fc.constant([]) },
          { weight: 2, arbitrary: value.map((drawn) => [[name, drawn]]) },
        )
  })
  const others =
    typeof additionalProperties === 'object'
      ? fc.dictionary(
          fc.constantFrom('x-a', 'X-A', 'authorization', 'host', 'bad name'),
          drawValue(additionalProperties),
          { maxKeys: 2 },
        )
      : fc.constant({})
  return fc.tuple(others, ...members).map(([more, ...drawn]) => ({ ...more, ...Object.fromEntries(drawn.flat()) }))
}

function ofText({ pattern, format, example, minLength = 0, maxLength = 40 }: JsonSchema): fc.Arbitrary<Json> {
  if (format === 'date-time') return time
  const free =
    pattern === undefined
      ? fc.string({ unit: 'grapheme', minLength, maxLength: Math.max(minLength, Math.min(maxLength, 40)) })
      : fc.stringMatching(new RegExp(pattern))
  const edge = pattern === undefined && maxLength <= 3000 ? [fc.constant('x'.repeat(maxLength))] : []
  return typeof example === 'string' ? fc.oneof(fc.constant(example), free, ...edge) : fc.oneof(free, ...edge)
}
