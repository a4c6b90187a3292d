/** Redaction of JSON text: what pointers lead to is replaced, and not one other character is. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Pointer, parsePointer } from '../../src/lib/json-pointer.ts'
import { redactJson } from '../../src/lib/redact-json.ts'

function pointer(text: string): Pointer {
  const parsed = parsePointer(text)
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error}`)
  return parsed.value
}

const redacted = (text: string, ...pointers: string[]) => redactJson(text, pointers.map(pointer))?.text

describe('a pointer', () => {
  it.each(['a', '#/a', '/a~', '/a~2', `/${'a'.repeat(256)}`])('is refused when it is none: %s', (text) => {
    expect(parsePointer(text).ok).toBe(false)
  })

  it.each([
    // The examples of RFC 6901, section 5, each with the value that it stands for there.
    ['/foo', '["bar","baz"]'],
    ['/foo/0', '"bar"'],
    ['/', '0'],
    ['/a~1b', '1'],
    ['/c%d', '2'],
    ['/e^f', '3'],
    ['/g|h', '4'],
    ['/i\\j', '5'],
    ['/k"l', '6'],
    ['/ ', '7'],
    ['/m~0n', '8'],
  ])('%s leads to what RFC 6901 says', (text, removed) => {
    const document = String.raw`{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}`
    expect(redactJson(document, [pointer(text)])?.removed).toEqual([removed])
  })
})

describe('what is redacted', () => {
  it.each([
    ['a member', '{"a":1,"b":"x"}', ['/b'], '{"a":1,"b":"[redacted]"}'],
    ['an object as a whole', '{"a":{"b":[1,{"c":2}]},"d":3}', ['/a'], '{"a":"[redacted]","d":3}'],
    ['the element of an array', '["x","y","z"]', ['/1'], '["x","[redacted]","z"]'],
    [
      'a member of every element',
      '{"items":[{"email":"a"},{"n":1},{"email":{"b":"c"}}]}',
      ['/items/*/email'],
      '{"items":[{"email":"[redacted]"},{"n":1},{"email":"[redacted]"}]}',
    ],
    ['every member of an object', '{"a":{"x":1,"*":2}}', ['/a/*'], '{"a":{"x":"[redacted]","*":"[redacted]"}}'],
    ['the whole document', ' {"a":1} ', [''], ' "[redacted]" '],
    ['a member that comes twice, both times', '{"a":1,"a":2}', ['/a'], '{"a":"[redacted]","a":"[redacted]"}'],
    ['a member whose name is written otherwise', '{"\\u0061":1}', ['/a'], '{"\\u0061":"[redacted]"}'],
    ['one within another, once', '{"a":{"b":1}}', ['/a', '/a/b'], '{"a":"[redacted]"}'],
    [
      'a member of any name',
      '{"__proto__":1,"constructor":2}',
      ['/__proto__'],
      '{"__proto__":"[redacted]","constructor":2}',
    ],
  ])('is %s', (_, text, pointers, expected) => {
    expect(redacted(text, ...pointers)).toBe(expected)
  })

  it('leaves numbers, white space and order as they are', () => {
    const text = '{ "id" : 12345678901234567890.10,\n\t"card":"4111", "a":[ 1e400 , -0.0 ] }'
    expect(redacted(text, '/card')).toBe(
      '{ "id" : 12345678901234567890.10,\n\t"card":"[redacted]", "a":[ 1e400 , -0.0 ] }',
    )
  })

  it.each(['/x', '/a/x', '/a/0/x', '/b/5', '/b/00', '/b/-', '/a/b/c/d'])('is nothing where nothing is: %s', (text) => {
    const document = '{"a":{"b":"x"},"b":[1,2]}'
    expect(redacted(document, text)).toBe(document)
  })

  it.each(['', '{', '{"a":1}x', "{'a':1}", '[1,]', 'nope', '\ufeff{}', '"\\', '{"a":"\\"', ']', ',,,', '::'])(
    'is unknown of what is no JSON: %j',
    (text) => {
      expect(redactJson(text, [pointer('/a')])).toBeNull()
    },
  )

  it.each([
    ['too deep', `${'['.repeat(5000)}${']'.repeat(5000)}`],
    ['too long', `"${'x'.repeat(5 * 1024 * 1024)}"`],
  ])('is unknown of what is %s to be looked into', (_, text) => {
    expect(redactJson(text, [pointer('/a')])).toBeNull()
  })
})

/**
 * Few names, so that pointers often lead somewhere. None is a backslash alone: the V8 of Node 24 takes the name
 * `"` for it when it has just seen one (`JSON.parse('{"\\\\":1}'); JSON.parse('{"\\"":1}')`).
 */
const name = fc.constantFrom('a', 'b', '0', '1', '', '*', '~', '/', 'q"', 'b\\', 'é', '__proto__')
const { tree } = fc.letrec((tie) => ({
  leaf: fc.oneof(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null)),
  tree: fc.oneof(
    { maxDepth: 5 },
    tie('leaf'),
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.array(fc.tuple(name, tie('tree')), { maxLength: 3 }).map((members) => Object.fromEntries(members)),
  ),
}))
const pointers = fc.array(fc.array(name, { maxLength: 5 }), { maxLength: 5 })
const space = fc.constantFrom(undefined, 2, '\t')

/** Everything that a pointer leads to, looked up in the value instead of the text. */
function valuesAt(value: unknown, [segment, ...rest]: Pointer): unknown[] {
  if (segment === undefined) return [value]
  if (typeof value !== 'object' || value === null) return []
  const members = Object.entries(value).filter(([key]) => segment === '*' || segment === key)
  return members.flatMap(([, member]) => valuesAt(member, rest))
}

/** The same, done to the value instead of the text. */
function expected(value: unknown, wanted: readonly Pointer[]): unknown {
  if (wanted.some(({ length }) => length === 0)) return '[redacted]'
  if (typeof value !== 'object' || value === null) return value
  const within = (key: string) =>
    wanted.filter(([segment]) => segment === '*' || segment === key).map((found) => found.slice(1))
  if (Array.isArray(value)) return value.map((member, i) => expected(member, within(String(i))))
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, expected(member, within(key))]))
}

describe('whatever the document and the pointers', () => {
  it('nothing is left at a pointer, and everything else is as it was', () => {
    fc.assert(
      fc.property(tree, pointers, space, (value, wanted, indent) => {
        const result = redactJson(JSON.stringify(value, null, indent), wanted)
        const shown = JSON.parse(result?.text ?? 'nothing')
        for (const one of wanted) for (const found of valuesAt(shown, one)) expect(found).toBe('[redacted]')
        expect(shown).toEqual(expected(JSON.parse(JSON.stringify(value)), wanted))
      }),
      { numRuns: 2000 },
    )
  })

  it('doing it again changes nothing', () => {
    fc.assert(
      fc.property(tree, pointers, space, (value, wanted, indent) => {
        const once = redactJson(JSON.stringify(value, null, indent), wanted)?.text ?? ''
        expect(redactJson(once, wanted)?.text).toBe(once)
      }),
    )
  })

  it('what was cut out is what stood there, character by character', () => {
    fc.assert(
      fc.property(tree, pointers, space, (value, wanted, indent) => {
        const text = JSON.stringify(value, null, indent)
        const { text: shown = '', removed = [] } = redactJson(text, wanted) ?? {}
        for (const json of removed) expect(() => JSON.parse(json)).not.toThrow()
        const lost = removed.reduce((sum, json) => sum + json.length - '"[redacted]"'.length, 0)
        expect(shown.length).toBe(text.length - lost)
      }),
    )
  })

  it('no text makes it throw, and text that is no JSON is never shown', () => {
    const noise = fc.oneof(
      fc.string(),
      fc
        .array(fc.constantFrom('{', '}', '[', ']', '"', ',', ':', '\\', 'a', '1', ' '), { maxLength: 40 })
        .map((all) => all.join('')),
    )
    fc.assert(
      fc.property(noise, pointers, (text, wanted) => {
        const result = redactJson(text, wanted)
        if (result !== null) expect(() => JSON.parse(text)).not.toThrow()
      }),
      { numRuns: 5000 },
    )
  })
})

it('asks as much of a hundred pointers as of one, however many members there are', () => {
  const text = JSON.stringify({ data: { list: Array(200_000).fill(0), secret: 1 } })
  const pointers = Array.from({ length: 100 }, (_, i) => ['*', '*', `name${i}`])
  let asked = 0
  const get = (...of: [target: object, name: PropertyKey]) => {
    asked++
    return Reflect.get(...of)
  }
  const counted = pointers.map((pointer) => new Proxy(pointer, { get }) as Pointer)
  expect(redactJson(text, [...counted, ['data', 'secret']])?.removed).toEqual(['1'])
  expect(asked).toBeLessThan(10_000)
})
