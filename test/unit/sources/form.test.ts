import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseForm, readForm } from '../../../src/sources/schemes/form.ts'

const utf8 = new TextEncoder()
const text = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })

describe('a form', () => {
  it('is read as URLSearchParams reads it', () => {
    // ASCII: what is not decodes to something else in Node once an escape beside it is no UTF-8.
    const piece = fc.constantFrom(
      'a',
      'b',
      'Z',
      '&',
      '=',
      '+',
      '%',
      '%2',
      '%2B',
      '%c3%A9',
      '%FF',
      '%F0%9F%A6%8A',
      ' ',
      '\0',
    )
    const body = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(body, (form) => {
        const ours = parseForm(utf8.encode(form))?.map(({ name, value }) => [text.decode(name), text.decode(value)])
        expect(ours).toEqual([...new URLSearchParams(form)])
      }),
      { numRuns: 2000 },
    )
  })

  it('keeps bytes that are no text', () => {
    expect(parseForm(Uint8Array.of(0xff, 0x3d, 0x25, 0x66, 0x46, 0xfe))).toEqual([
      { name: Uint8Array.of(0xff), value: Uint8Array.of(0xff, 0xfe) },
    ])
  })

  it('may have a thousand parameters, and no more', () => {
    expect(parseForm(utf8.encode('a&'.repeat(1000)))).toHaveLength(1000)
    expect(parseForm(utf8.encode('a&'.repeat(1001)))).toBeNull()
    expect(readForm(utf8.encode('a=1&'.repeat(1001)))('a')).toBeUndefined()
  })

  it('says the first value of a name that is not empty', () => {
    const read = readForm(utf8.encode('a=&a=1&a=2&b'))
    expect([read('a'), read('b'), read('c')]).toEqual(['1', undefined, undefined])
  })
})
