/** Schemas come from tenants and payloads from their customers: neither may cost more than it is worth. */
import { describe, expect, it } from 'vitest'
import { compileSchema, createSteps, type SchemaError, validate } from '../../../src/lib/json-schema/validate.ts'

function errorsOf(schema: unknown, value: unknown): SchemaError[] {
  const compiled = compileSchema(JSON.stringify(schema))
  if (!compiled.ok) throw new Error(`${compiled.error.path} ${compiled.error.message}`)
  return validate(compiled.value, value)
}

function refusal(schema: unknown): SchemaError {
  const compiled = compileSchema(typeof schema === 'string' ? schema : JSON.stringify(schema))
  if (compiled.ok) throw new Error('was taken')
  return compiled.error
}

const nest = (depth: number, wrap: (inner: unknown) => unknown, core: unknown): unknown =>
  Array.from({ length: depth }).reduce<unknown>((inner) => wrap(inner), core)

/** Each level asks the next one twice: as many evaluations as two to the power of the levels. */
const doubling = (levels: number, keyword: string) => ({
  $ref: '#/$defs/l0',
  $defs: Object.fromEntries(
    Array.from({ length: levels }, (_, i) => {
      const next = i + 1 < levels ? { $ref: `#/$defs/l${i + 1}` } : { type: 'object' }
      return [`l${i}`, { [keyword]: [next, next] }]
    }),
  ),
})

/** In milliseconds, of the thread. */
function timeOf(work: () => void): number {
  const started_at = performance.now()
  work()
  return performance.now() - started_at
}

describe('a schema is refused', () => {
  it.each([
    ['a reference to another document', { $ref: 'https://example.com/schema.json' }, '/$ref'],
    ['a reference to a file beside it', { items: { $ref: 'other.json#/a' } }, '/items/$ref'],
    ['a reference that leads nowhere', { $ref: '#/$defs/none' }, '/$ref'],
    ['a reference into the prototype', { $ref: '#/constructor' }, '/$ref'],
    ['a reference to an anchor that is not there', { $ref: '#none' }, '/$ref'],
    ['a reference to what is not a schema', { $ref: '#/title', title: 'x' }, '/$ref'],
    ['a reference that is no URI', { $ref: '#%zz' }, '/$ref'],
    ['an address within', { $defs: { a: { $id: 'https://example.com/' } } }, '/$defs/a/$id'],
    ['another dialect', { $schema: 'http://json-schema.org/draft-07/schema#' }, '/$schema'],
    ['a type that does not exist', { type: 'money' }, '/type'],
    ['items as a list, which is an older draft', { items: [{}] }, '/items'],
    ['a limit that is no number', { minimum: '1' }, '/minimum'],
    ['a limit that is no number any more', '{"maximum":null}', '/maximum'],
    ['a multiple of nothing', { multipleOf: 0 }, '/multipleOf'],
    ['a negative length', { minLength: -1 }, '/minLength'],
    ['a name that is demanded twice', { required: ['a', 'a'] }, '/required'],
    ['alternatives that are none', { anyOf: [] }, '/anyOf'],
    ['a member that has no schema', { properties: { a: 1 } }, '/properties/a'],
    ['two anchors of one name', { $defs: { a: { $anchor: 'x' }, b: { $anchor: 'x' } } }, '/$defs/b/$anchor'],
    ['an expression that does not compile', { pattern: '(' }, '/pattern'],
    ['an expression that only backtracking can match', { pattern: '(a+)\\1' }, '/pattern'],
    ['an expression that looks ahead', { patternProperties: { '^(?=a)': {} } }, '/patternProperties/^(?=a)'],
    ['an expression that is too large', { pattern: '((a{1,100}){1,10}b){1,100}' }, '/pattern'],
    ['a number', 7, ''],
    ['a list', [], ''],
  ])('for %s', (_why, schema, path) => {
    expect(refusal(schema)).toEqual({ path, message: expect.stringMatching(/\S/) })
  })

  it.each([
    ['itself', { $ref: '#' }],
    [
      'itself by another',
      { $defs: { a: { $ref: '#/$defs/b' }, b: { allOf: [{ $ref: '#/$defs/a' }] } }, $ref: '#/$defs/a' },
    ],
    ['itself on a condition', '{"if":{},"then":{"$ref":"#"}}'],
    ['itself where it denies', { not: { $ref: '#' } }],
    ['itself by a dynamic reference', { $dynamicAnchor: 'n', $dynamicRef: '#n' }],
  ])('when it applies %s to the same value without end', (_what, schema) => {
    expect(refusal(schema).message).toContain('without end')
  })

  it.each([
    ['longer than 32 KiB', { description: 'x'.repeat(32 * 1024) }, 'bytes'],
    ['nested too deeply', nest(3000, (not) => ({ not }), true), 'deeply'],
    ['nested too deeply in a value of its own', { const: nest(3000, (inner) => [inner], 1) }, 'deeply'],
    ['of too many parts', { anyOf: Array.from({ length: 1001 }, () => ({})) }, 'subschemas'],
    ['of too many expressions', { allOf: Array.from({ length: 101 }, (_, i) => ({ pattern: `${i}` })) }, 'expressions'],
    [
      'of expressions that are too large together',
      { allOf: [1, 2, 3].map((i) => ({ pattern: `\\p{L}{1,1000}${i}` })) },
      'too large together',
    ],
    ['with an expression that is too long', { pattern: 'x'.repeat(501) }, 'characters'],
  ])('when it is %s', (_what, schema, word) => {
    expect(refusal(schema).message).toContain(word)
  })
})

describe('a check is given up, not waited for', () => {
  it.each([
    ['allOf that doubles', doubling(60, 'allOf'), {}],
    ['anyOf that doubles', doubling(60, 'anyOf'), 'none of them'],
    ['oneOf that doubles', doubling(60, 'oneOf'), {}],
    [
      'values that double where unevaluated ones are looked for',
      { ...doubling(60, 'anyOf'), unevaluatedProperties: false },
      { a: 1 },
    ],
    [
      'a list that contains lists that are searched again and again',
      { contains: { $ref: '#' }, $defs: {}, minContains: 0, items: { anyOf: [{ $ref: '#' }, { $ref: '#' }] } },
      nest(25, (inner) => [inner, inner], []),
    ],
    ['an expression on a text that it has to read whole', { pattern: '(x|y|z|w){1,40}q$' }, 'x'.repeat(1024 * 1024)],
    [
      'many expressions for many names',
      { patternProperties: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`(a|b){8}${i}`, true])) },
      Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`${'a'.repeat(30)}${i}`, 1])),
    ],
    [
      'a large value that is compared with each of many',
      { allOf: Array.from({ length: 450 }, (_, i) => ({ not: { const: i } })) },
      Array.from({ length: 20_000 }, (_, i) => i),
    ],
  ])('%s', (_what, schema, value) => {
    let errors: SchemaError[] = []
    const took_ms = timeOf(() => {
      errors = errorsOf(schema, value)
    })
    expect(errors).toEqual([{ path: '', message: 'cannot be checked: it takes too many steps' }])
    expect(took_ms).toBeLessThan(2000)
  })

  it('a value that is nested deeper than the stack should go', () => {
    const tree = { type: 'array', items: { $ref: '#' } }
    const errors = errorsOf(
      tree,
      nest(5000, (inner) => [inner], []),
    )
    expect(errors).toEqual([{ path: '', message: 'cannot be checked: it is nested too deeply' }])
    expect(
      errorsOf(
        tree,
        nest(150, (inner) => [inner], []),
      ),
    ).toEqual([])
  })

  it('deep values that are only compared', () => {
    const deep = nest(20_000, (inner) => [inner], [])
    for (const schema of [{ const: 1 }, { uniqueItems: true }, { enum: [1] }])
      expect(errorsOf(schema, deep)).toEqual([{ path: '', message: expect.stringContaining('cannot be checked') }])
  })

  it('once all messages of a request together have taken enough', () => {
    const compiled = compileSchema(JSON.stringify(doubling(60, 'allOf')))
    const plain = compileSchema('{"type":"object"}')
    if (!compiled.ok || !plain.ok) throw new Error('they are schemas')
    const steps = createSteps()
    expect(validate(plain.value, {}, steps)).toEqual([])
    for (let i = 0; i < 4; i++) validate(compiled.value, {}, steps)
    expect(validate(plain.value, {}, steps)).toEqual([expect.objectContaining({ path: '' })])
  })
})

describe('what takes long elsewhere', () => {
  it.each([
    ['an expression that explodes when it backtracks', { pattern: '^(a+)+$' }, `${'a'.repeat(50_000)}!`, ['']],
    ['another one, for names', { patternProperties: { '^(\\w*)*$': true } }, { [`${'a'.repeat(9000)}!`]: 1 }, []],
    ['50,000 items that all differ', { uniqueItems: true }, Array.from({ length: 50_000 }, (_, i) => i), []],
    [
      '20,000 objects of which two are equal',
      { uniqueItems: true },
      Array.from({ length: 20_000 }, (_, i) => ({ i: i % 19_999 })),
      [''],
    ],
  ])('is quick: %s', (_what, schema, value, paths) => {
    let errors: SchemaError[] = []
    const took_ms = timeOf(() => {
      errors = errorsOf(schema, value)
    })
    expect(errors.map(({ path }) => path)).toEqual(paths)
    expect(took_ms).toBeLessThan(2000)
  })
})

describe('names that JavaScript knows', () => {
  const parse = (text: string): unknown => JSON.parse(text)

  it('are members like any other, in schemas and in values', () => {
    const schema = parse(
      '{"properties":{"__proto__":{"type":"number"},"toString":{"type":"number"}},"additionalProperties":false}',
    )
    expect(errorsOf(schema, parse('{"__proto__":1,"toString":1}'))).toEqual([])
    expect(errorsOf(schema, parse('{"__proto__":"x"}'))).toMatchObject([{ path: '/__proto__' }])
    expect(errorsOf(schema, parse('{"constructor":1}'))).toMatchObject([{ path: '/constructor' }])
  })

  it('are not there unless they are', () => {
    expect(errorsOf({ required: ['constructor', '__proto__'] }, {})).toHaveLength(2)
    expect(errorsOf({ dependentRequired: { toString: ['a'] } }, {})).toEqual([])
  })

  it('tell values apart', () => {
    expect(errorsOf({ const: parse('{"__proto__":1}') }, {})).toHaveLength(1)
    expect(errorsOf({ uniqueItems: true }, [parse('{"__proto__":1}'), {}])).toEqual([])
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })
})

describe('what is said of a value that does not fit', () => {
  it('is at most 20 errors', () => {
    const errors = errorsOf(
      { items: { type: 'string' } },
      Array.from({ length: 1000 }, () => 1),
    )
    expect(errors).toHaveLength(20)
    expect(errors[19]).toEqual({ path: '/19', message: 'must be string' })
  })

  it('is bounded however long its names are, and shows no values', () => {
    const secret = 'sk_live_verysecret'
    const errors = errorsOf({ additionalProperties: { const: 1 } }, { ['n'.repeat(100_000)]: secret })
    expect(errors[0]?.path.length).toBeLessThan(300)
    expect(JSON.stringify(errors)).not.toContain(secret)
  })

  it('points at the member as RFC 6901 has it', () => {
    const schema = { properties: { 'a/b': { properties: { 'm~n': { items: { type: 'null' } } } } } }
    expect(errorsOf(schema, { 'a/b': { 'm~n': [null, 1] } })).toMatchObject([{ path: '/a~1b/m~0n/1' }])
  })
})
