import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pickJson, pickText } from '../../src/lib/json-pick.ts'

type Path = (string | number)[]

const bytes = (text: string) => new TextEncoder().encode(text)
const pick = (text: string, ...path: Path) => pickJson(bytes(text), path)

describe('pickJson', () => {
  it.each<[string, Path, unknown]>([
    ['{"id":"evt_1"}', ['id'], 'evt_1'],
    ['{"id":7}', ['id'], 7],
    ['{"id":-1.5e3}', ['id'], -1500],
    ['{"livemode":false,"x":true}', ['x'], true],
    ['{"id":null}', ['id'], null],
    ['{"data":{"object":{"id":"in_1"}}}', ['data', 'object', 'id'], 'in_1'],
    ['[[1,2],[3,4]]', [1, 0], 3],
    ['{"events":[{"id":"a"},{"id":"b"}]}', ['events', 1, 'id'], 'b'],
    ['"text"', [], 'text'],
    [' \t\r\n{ "a" : \n[ 1 , 2 ] , "b" : 3 } ', ['b'], 3],
    ['{"a":{"b":1},"b":2}', ['b'], 2],
    ['{"a":"\\"b\\":1","b":2}', ['b'], 2],
    ['{"a":"{[","b":2}', ['b'], 2],
    ['{"a":"\\\\","b":2}', ['b'], 2],
    ['{"\\u0069d":"x"}', ['id'], 'x'],
    ['{"":1}', [''], 1],
    ['{"\\"":1,"\\\\":2}', ['\\'], 2],
    ['{"__proto__":1}', ['__proto__'], 1],
    ['{"a":"Zo\\u00eb 🦊 \\ud83e\\udd8a"}', ['a'], 'Zoë 🦊 🦊'],
    ['{"a":"\\ud83e"}', ['a'], '\ud83e'],
  ])('finds in %s at %j: %j', (text, path, value) => {
    expect(pick(text, ...path)).toEqual(value)
  })

  it.each<[string, Path]>([
    ['{"id":{}}', ['id']],
    ['{"id":[]}', ['id']],
    ['{"a":1}', ['b']],
    ['{"a":1}', [0]],
    ['{"0":1}', [0]],
    ['[1]', ['0']],
    ['[1]', [1]],
    ['[1,2]', [-1]],
    ['[1,2]', [0.5]],
    ['[1,2]', [Number.NaN]],
    ['[]', [0]],
    ['{}', ['a']],
    ['"abc"', ['length']],
    ['"abc"', [0]],
    ['null', ['a']],
    ['{"a":null}', ['a', 'b']],
    ['{"toString":{}}', ['valueOf']],
  ])('finds nothing in %s at %j', (text, path) => {
    expect(pick(text, ...path)).toBeUndefined()
  })

  it.each([
    '',
    ' ',
    '{',
    '{"id"',
    '{"id":',
    '{"id": ',
    '{"id":"evt_1',
    '{"id":"evt_1\\"',
    '{"id":tru',
    '{"id":01}',
    '{"id":NaN}',
    '{"id":"\n"}',
    '{"id":"\\x41"}',
    '{"id" "evt_1"}',
    '{id:"evt_1"}',
    "{'id':'evt_1'}",
    '{"a":1 "id":2}',
    '{"a":[1,"id":2}',
    '{,"id":2}',
    '\ufeff{"id":2}',
    '{"id":}',
    '[}',
  ])('finds nothing in %j, which is no JSON up to there', (text) => {
    expect(pick(text, 'id')).toBeUndefined()
    expect(pick(text, 0)).toBeUndefined()
  })

  it('takes the first of a name that is there twice, and does not look behind the value', () => {
    expect(pick('{"id":1,"id":2}', 'id')).toBe(1)
    expect(pick('{"id":"evt_1"}}}} broken', 'id')).toBe('evt_1')
    expect(pick('{"id":"evt_1","type": ["', 'id')).toBe('evt_1')
  })

  it('looks for the ends of what it passes over, and for nothing else there', () => {
    expect(pick('{"a":[nope},"id":"evt_1"}', 'id')).toBe('evt_1')
  })

  it('does not read what is not UTF-8, and reads what stands behind it', () => {
    const broken = Uint8Array.of(...bytes('{"a":"'), 0xff, 0xc3, ...bytes('","id":"evt_1"}'))
    expect(pickJson(broken, ['a'])).toBeUndefined()
    expect(pickJson(broken, ['id'])).toBe('evt_1')
  })

  it('bears any depth, and any run of backslashes', () => {
    const deep = `{"a":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)},"id":1}`
    expect(pick(deep, 'id')).toBe(1)
    for (let length = 0; length < 9; length++) {
      const name = '\\'.repeat(length)
      expect(pick(`{"a":${JSON.stringify(name)},"id":1}`, 'id'), name).toBe(1)
      expect(pick(`{${JSON.stringify(`${name}"`)}:2,"id":1}`, `${name}"`), name).toBe(2)
    }
  })
})

describe('pickText', () => {
  it.each<[string, string | undefined]>([
    ['{"id":"evt_1"}', 'evt_1'],
    ['{"id":7}', '7'],
    ['{"id":0}', '0'],
    ['{"id":""}', undefined],
    ['{"id":null}', undefined],
    ['{"id":true}', undefined],
    ['{"id":{}}', undefined],
    ['{}', undefined],
  ])('makes of %s: %j', (text, value) => {
    expect(pickText(bytes(text), ['id'])).toBe(value)
  })

  // 820982911946154508 is an id in the examples of Shopify: as numbers of JavaScript, 100 such ids are one.
  it.each(['820982911946154508', '820982911946154509', '9007199254740993', '-0', '1.10', '1E400'])(
    'writes the number %s as it was written',
    (number) => {
      expect(pickText(bytes(`{"id": ${number} }`), ['id'])).toBe(number)
    },
  )
})

/** Text like that of {@link JSON.stringify}, with any space that JSON allows and any way to write a character. */
function written(value: unknown, next: () => number): string {
  const space = () => [' ', '\n', '\t', '\r', '', '', '', '  '][next() % 8] ?? ''
  const text = (characters: string) => {
    const written_out = [...characters].map((character) => {
      const is_escaped = next() % 8 === 0
      const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
      return is_escaped
        ? units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
        : JSON.stringify(character).slice(1, -1)
    })
    return `"${written_out.join('')}"`
  }
  const write = (of: unknown): string => {
    if (typeof of === 'string') return text(of)
    if (typeof of !== 'object' || of === null) return JSON.stringify(of)
    if (Array.isArray(of)) return `[${space()}${of.map((item) => write(item) + space()).join(`,${space()}`)}]`
    const members = Object.entries(of).map(
      ([name, member]) => `${text(name)}${space()}:${space()}${write(member)}${space()}`,
    )
    return `{${space()}${members.join(`,${space()}`)}}`
  }
  return space() + write(value) + space()
}

/** Every path of a value, and its scalar; undefined where an object or a list is. */
function everyPath(value: unknown, path: Path = []): [Path, unknown][] {
  if (typeof value !== 'object' || value === null) return [[path, value]]
  const below = Array.isArray(value)
    ? value.flatMap((item, at) => everyPath(item, [...path, at]))
    : Object.entries(value).flatMap(([name, member]) => everyPath(member, [...path, name]))
  return [[path, undefined], ...below]
}

/** What the path leads to, by own members and items only. */
function follow(value: unknown, path: Path): unknown {
  let here = value
  for (const step of path) {
    const is_kind = typeof step === 'number' ? Array.isArray(here) : !Array.isArray(here)
    if (!is_kind || typeof here !== 'object' || here === null || !Object.hasOwn(here, step)) return undefined
    here = Reflect.get(here, step)
  }
  return typeof here === 'object' && here !== null ? undefined : here
}

describe('pickJson, as a property', () => {
  // Names with quotes and backslashes are the interesting ones: the value is what was written, not what is parsed again.
  const name = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 5 }),
    fc.string({ unit: fc.constantFrom('"', '\\', 'a', '{', ',', 'é', '\ud800'), maxLength: 4 }),
  )
  const number = fc.oneof(
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value)),
  )
  const { json } = fc.letrec<{ json: unknown }>((tie) => ({
    json: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(null, true, false, ''),
      number,
      name,
      fc.array(tie('json'), { maxLength: 5 }),
      fc.dictionary(name, tie('json'), { maxKeys: 5 }),
    ),
  }))
  const noise = fc.infiniteStream(fc.nat()).map((stream) => () => stream.next().value ?? 0)

  it('is what was written, at every path, however it was written', () => {
    fc.assert(
      fc.property(json, noise, (value, next) => {
        const text = bytes(written(value, next))
        for (const [path, scalar] of everyPath(value))
          expect(pickJson(text, path), JSON.stringify(path)).toEqual(scalar)
      }),
      { numRuns: 500 },
    )
  })

  it('is what JSON.parse finds, at any path', () => {
    const plain = fc.string({ unit: fc.constantFrom('a', 'b', '0', '{', ','), maxLength: 2 })
    const step = fc.oneof(plain, fc.integer({ min: -1, max: 3 }), fc.constantFrom('__proto__', 'length', 'toString'))
    fc.assert(
      fc.property(fc.json({ depthSize: 'medium' }), fc.array(step, { maxLength: 4 }), (text, path) => {
        fc.pre(!/\\["\\]/.test(text))
        expect(pickJson(bytes(text), path)).toEqual(follow(JSON.parse(text), path))
      }),
      { numRuns: 1000 },
    )
  })

  it('throws at no bytes, and reads whatever of them is JSON', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"',
      '\\',
      '"a"',
      '"a":',
      '1',
      'null',
      ' ',
      '\u00e9',
      '\0',
    )
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.array(token, { maxLength: 14 }).map((tokens) => bytes(tokens.join(''))),
    )
    const step = fc.constantFrom<string | number>('a', '', '\\', 0, 1)
    fc.assert(
      fc.property(any, fc.array(step, { maxLength: 3 }), (data, path) => {
        const found = pickJson(data, path)
        pickText(data, path)
        let whole: unknown
        try {
          whole = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data))
        } catch {
          return
        }
        expect(found).toEqual(follow(whole, path))
      }),
      { numRuns: 2000 },
    )
  })

  it('does not change when the text breaks off behind the value', () => {
    fc.assert(
      fc.property(json, noise, fc.nat(), (value, next, cut) => {
        const text = bytes(written(value, next))
        const part = text.subarray(0, cut % (text.length + 1))
        for (const [path, scalar] of everyPath(value)) {
          const found = pickJson(part, path)
          // A number that is cut off is another number.
          if (found !== undefined && typeof scalar !== 'number') expect(found).toEqual(scalar)
        }
      }),
    )
  })
})
