/** What JSON Schema 2020-12 says of values. Ajv, which generates code and so cannot run on workerd, is the judge. */
import Ajv2020 from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileSchema, validate } from '../../../src/lib/json-schema/validate.ts'

const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false, addUsedSchema: false })

function fits(schema: unknown, value: unknown): boolean {
  const compiled = compileSchema(JSON.stringify(schema))
  if (!compiled.ok) throw new Error(`${compiled.error.path} ${compiled.error.message}`)
  return validate(compiled.value, value).length === 0
}

const parse = (text: string): unknown => JSON.parse(text)

/** Undefined where Ajv itself fails, as it does for some schemas with `prefixItems`. */
function verdictOf(judge: (value: unknown) => unknown, value: unknown): boolean | undefined {
  try {
    return judge(value) === true
  } catch {
    return undefined
  }
}

describe('a value fits', () => {
  it.each([
    ['{"type":"integer"}', [1, 1.0, -0], [1.5, '1', null]],
    ['{"type":["string","null"]}', ['', null], [1, {}]],
    ['{"enum":[[1],{"a":1,"b":2}]}', [[1], { b: 2, a: 1 }], [[], { a: 1 }]],
    ['{"const":0}', [0, -0], [false, '0', null]],
    ['{"const":{"a":false}}', [{ a: false }], [{ a: 0 }, { a: false, b: 1 }]],
    ['{"multipleOf":0.0001}', [0.0075, 1, 0], [0.00751]],
    ['{"multipleOf":1e-8}', [12391239123], [1e-9]],
    ['{"maxLength":2}', ['\u{1F4A9}\u{1F4A9}', 'ab'], ['abc']],
    ['{"pattern":"^\\\\p{Lu}+$"}', ['ÄÖ', 7], ['äö']],
    [
      '{"properties":{"a":{}},"patternProperties":{"^x":{}},"additionalProperties":false}',
      [{ a: 1, xy: 2 }],
      [{ b: 1 }],
    ],
    ['{"prefixItems":[{"type":"string"}],"items":{"type":"number"}}', [[], ['a', 1]], [[1], ['a', 'b']]],
    [
      '{"contains":{"const":1},"minContains":2,"maxContains":3}',
      [
        [1, 1],
        [1, 0, 1, 1],
      ],
      [[1], [1, 1, 1, 1]],
    ],
    ['{"contains":{"const":1},"minContains":0}', [[]], []],
    [
      '{"if":{"required":["a"]},"then":{"required":["b"]},"else":{"required":["c"]}}',
      [{ a: 1, b: 1 }, { c: 1 }],
      [{ a: 1 }, {}],
    ],
    ['{"dependentSchemas":{"a":{"required":["b"]}}}', [{}, { a: 1, b: 1 }], [{ a: 1 }]],
    ['{"propertyNames":{"maxLength":2}}', [{ ab: 1 }], [{ abc: 1 }]],
    ['{"allOf":[{"properties":{"a":{}}}],"unevaluatedProperties":false}', [{ a: 1 }], [{ a: 1, b: 1 }]],
    [
      '{"anyOf":[{"properties":{"a":{"const":1}}},{"properties":{"b":{}}}],"unevaluatedProperties":false}',
      [{ a: 1, b: 1 }],
      [{ a: 2 }],
    ],
    ['{"contains":{"type":"string"},"unevaluatedItems":false}', [['a']], [['a', 1]]],
    [
      '{"$defs":{"n":{"$anchor":"node","properties":{"next":{"$ref":"#node"}},"required":["v"]}},"$ref":"#node"}',
      [{ v: 1, next: { v: 2 } }],
      [{ v: 1, next: {} }],
    ],
    [
      '{"properties":{"a":{"x-own":{"type":"string"}},"b":{"$ref":"#/properties/a/x-own"}}}',
      [{ a: 1, b: 'x' }],
      [{ b: 1 }],
    ],
    ['{"format":"email"}', ['not an address'], []],
    ['true', [null, 0], []],
    ['false', [], [null, 0]],
  ] as [string, unknown[], unknown[]][])('%s', (schema, good, bad) => {
    for (const value of good) expect(fits(parse(schema), value), JSON.stringify(value)).toBe(true)
    for (const value of bad) expect(fits(parse(schema), value), JSON.stringify(value)).toBe(false)
  })
})

describe('any schema and any value', () => {
  const name = fc.constantFrom('a', 'b', 'aa')
  const scalar = fc.oneof(
    fc.constantFrom('', 'a', 'bb', 'aab'),
    fc.integer({ min: -3, max: 6 }),
    fc.boolean(),
    fc.constant(null),
  )
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      scalar,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
    ),
  }))
  const count = fc.integer({ min: 0, max: 3 })
  const type = fc.constantFrom('null', 'boolean', 'object', 'array', 'number', 'string', 'integer')
  const { schema } = fc.letrec<{ schema: unknown }>((tie) => {
    const one = tie('schema')
    const some = fc.array(one, { minLength: 1, maxLength: 3 })
    const named = fc.dictionary(name, one, { maxKeys: 2, noNullPrototype: true })
    // Not `contains`, which Ajv finds in an empty list beside `prefixItems`; not `unevaluatedItems` and
    // `unevaluatedProperties`, for which it counts what alternatives looked at that do not fit.
    const keywords = {
      type: fc.oneof(type, fc.uniqueArray(type, { minLength: 1, maxLength: 3 })),
      enum: fc.uniqueArray(scalar, { minLength: 1, maxLength: 4 }),
      const: value,
      minimum: count,
      exclusiveMaximum: count,
      multipleOf: fc.constantFrom(1, 2, 0.5),
      minLength: count,
      maxLength: count,
      pattern: fc.constantFrom('^a', 'b$', '^a+b?$'),
      minItems: count,
      maxItems: count,
      uniqueItems: fc.boolean(),
      minProperties: count,
      required: fc.uniqueArray(name, { maxLength: 2 }),
      dependentRequired: fc.dictionary(name, fc.uniqueArray(name, { maxLength: 2 }), {
        maxKeys: 2,
        noNullPrototype: true,
      }),
      properties: named,
      patternProperties: fc.dictionary(fc.constantFrom('^a', 'b'), one, { maxKeys: 2, noNullPrototype: true }),
      additionalProperties: one,
      propertyNames: one,
      prefixItems: some,
      items: one,
      allOf: some,
      anyOf: some,
      oneOf: some,
      not: one,
      if: one,
      // biome-ignore lint/suspicious/noThenProperty: it is a keyword of JSON Schema
      then: one,
      else: one,
      dependentSchemas: named,
    }
    const some_keywords = fc
      .subarray(Object.keys(keywords) as (keyof typeof keywords)[], { minLength: 1, maxLength: 4 })
      .chain((names) =>
        fc.record(Object.fromEntries(names.map((each) => [each, keywords[each] as fc.Arbitrary<unknown>]))),
      )
    return { schema: fc.oneof({ maxDepth: 3 }, fc.boolean(), some_keywords) }
  })

  it('are judged as Ajv judges them', () => {
    fc.assert(
      fc.property(schema, fc.array(value, { minLength: 5, maxLength: 5 }), (document, values) => {
        const judge = ajv.compile(document as object)
        for (const each of values)
          expect(fits(document, each), JSON.stringify(each)).toBe(verdictOf(judge, each) ?? fits(document, each))
      }),
      // The same ones each time, because the judge has errors of its own.
      { seed: 1, numRuns: 1500 },
    )
  })

  it('are taken only where the meta-schema takes them', () => {
    const junk = fc.oneof(value, schema)
    const keyword = fc.constantFrom(
      'type',
      'items',
      'required',
      'properties',
      'anyOf',
      'minimum',
      '$ref',
      '$defs',
      'pattern',
      'if',
    )
    fc.assert(
      fc.property(keyword, junk, (word, content) => {
        const document = { [word]: content }
        if (compileSchema(JSON.stringify(document)).ok) expect(ajv.validateSchema(document)).toBe(true)
      }),
      { numRuns: 1500 },
    )
  })
})
