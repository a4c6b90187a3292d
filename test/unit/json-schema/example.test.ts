import { describe, expect, it } from 'vitest'
import { makeExample } from '../../../src/lib/json-schema/example.ts'
import { compileSchema } from '../../../src/lib/json-schema/validate.ts'

function exampleOf(document: unknown): { value: unknown } | undefined {
  const schema = compileSchema(JSON.stringify(document))
  if (!schema.ok) throw new Error(schema.error.message)
  return makeExample(schema.value, document)
}

describe('an example made from a schema', () => {
  it.each([
    ['what the schema gives as an example', { type: 'string', examples: ['in_1'], default: 'x' }, 'in_1'],
    ['its default', { type: 'integer', default: 7 }, 7],
    ['its const', { const: { a: 1 } }, { a: 1 }],
    ['the first of its enum', { enum: ['EUR', 'USD'] }, 'EUR'],
    ['a number within its limits', { type: 'integer', exclusiveMinimum: 9, multipleOf: 5 }, 10],
    ['a number between limits', { type: 'number', minimum: 0.5, maximum: 1 }, 0.75],
    ['text by its format', { type: 'string', format: 'date' }, '2026-01-31'],
    ['text of its length', { type: 'string', minLength: 9 }, 'examplexx'],
    ['text by its pattern', { type: 'string', pattern: '^(inv|ord)_[a-f0-9]{4}$' }, 'inv_aaaa'],
    ['text by its pattern and length', { type: 'string', pattern: '^[A-Z]+\\d?$', minLength: 3 }, 'AAA'],
    ['as many items as there must be', { type: 'array', minItems: 2, items: { type: 'boolean' } }, [true, true]],
    ['a member that is required and described nowhere', { required: ['a'] }, { a: {} }],
    ['the first alternative', { oneOf: [{ type: 'boolean' }, { type: 'null' }] }, true],
    [
      'what all of several demand',
      { allOf: [{ required: ['a'] }, { properties: { a: { type: 'null' } } }] },
      { a: null },
    ],
    ['what a reference leads to', { $ref: '#/$defs/a~1b', $defs: { 'a/b': { type: 'boolean' } } }, true],
    ['a member with a name of JavaScript', { properties: { constructor: { const: 1 } } }, { constructor: 1 }],
  ])('is %s', (_what, schema, value) => {
    expect(exampleOf(schema)).toEqual({ value })
  })

  it('ends where a schema contains itself', () => {
    const tree = { type: 'object', properties: { name: { type: 'string' }, child: { $ref: '#' } }, required: ['name'] }
    expect(exampleOf(tree)?.value).toMatchObject({ name: 'example', child: { name: 'example' } })
  })

  it.each([
    ['nothing fits the schema', { not: {} }],
    ['every value contains another', { type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] }],
    ['more items are demanded than it makes', { type: 'array', minItems: 1000 }],
  ])('is not made where %s', (_why, schema) => {
    expect(exampleOf(schema)).toBeUndefined()
  })
})
