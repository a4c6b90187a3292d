import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseLossless } from '../../src/lib/json.ts'

describe('JSON that is parsed and written again', () => {
  it.each([
    '12345678901234567890',
    '-9007199254740993',
    '0.1234567890123456789',
    '1e400',
    '1E5',
    '1.0e-7',
    '{"id":12345678901234567890,"price":19.90}',
    '[1.00,12345678901234567890,[2.50]]',
    '{"a":{"b":[{"c":100000000000000000000000}]}}',
    '{"text":"12345678901234567890","n":12345678901234567890}',
  ])('keeps every digit of %s', (text) => {
    expect(JSON.stringify(parseLossless(text))).toBe(text)
  })

  it('keeps any whole number', () => {
    fc.assert(fc.property(fc.bigInt(), (n) => JSON.stringify(parseLossless(`{"n":${n}}`)) === `{"n":${n}}`))
  })

  it('is what JSON itself would make of it when no digit is at stake', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const written = JSON.stringify(JSON.parse(text))
        expect(JSON.stringify(parseLossless(written))).toBe(written)
      }),
    )
  })

  it('keeps members that have names of their own kind', () => {
    const text = '{"__proto__":{"a":12345678901234567890},"rawJSON":"1","toJSON":2}'
    expect(JSON.stringify(parseLossless(text))).toBe(text)
    expect(({} as { a?: unknown }).a).toBeUndefined()
  })
})

describe('JSON that is not', () => {
  it.each(['', '{', '01', '1e', "{'a':1}", '{"n":12345678901234567890', '[12345678901234567890,]', 'NaN'])(
    'is refused as JSON itself refuses it: %s',
    (text) => {
      expect(() => parseLossless(text)).toThrow(SyntaxError)
    },
  )
})
