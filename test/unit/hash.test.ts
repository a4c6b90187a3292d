/// <reference types="node" />
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { equalInConstantTime, fromBase64, sha256, sha256Hex, toBase64, toHex } from '../../src/lib/hash.ts'

const bytes = fc.uint8Array({ maxLength: 500 })
const text = fc.string({ unit: 'grapheme' })

describe('SHA-256', () => {
  it('of bytes and of text is what node:crypto computes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(bytes, text), async (data) => {
        const expected = createHash('sha256').update(data).digest('hex')
        expect(await sha256Hex(data)).toBe(expected)
        expect(toHex(await sha256(data))).toBe(expected)
      }),
    )
  })

  it('of "abc" is what FIPS 180-4 says', async () => {
    expect(await sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })
})

describe('a comparison in constant time', () => {
  it('holds for what is equal, as text or as bytes', () => {
    fc.assert(
      fc.property(text, (secret) => {
        expect(equalInConstantTime(secret, secret)).toBe(true)
        expect(equalInConstantTime(secret, new TextEncoder().encode(secret))).toBe(true)
      }),
    )
  })

  it('fails for a single bit of difference, wherever it is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.nat(511), (secret, bit) => {
        const at = (bit >> 3) % secret.length
        const other = secret.with(at, (secret[at] ?? 0) ^ (1 << (bit & 7)))
        expect(equalInConstantTime(secret, other)).toBe(false)
      }),
    )
  })

  it.each([
    ['abc', 'abcd'],
    ['', 'a'],
    ['abc', 'ab'],
    ['a\u0000', 'a'],
  ])('fails for another length: %j and %j', (a, b) => {
    expect(equalInConstantTime(a, b)).toBe(false)
    expect(equalInConstantTime(b, a)).toBe(false)
  })
})

describe('bytes as text', () => {
  it('in hexadecimal are what Buffer writes', () => {
    fc.assert(fc.property(bytes, (data) => toHex(data) === Buffer.from(data).toString('hex')))
  })

  it('in base64 are what Buffer writes, and come back', () => {
    fc.assert(
      fc.property(bytes, (data) => {
        expect(toBase64(data)).toBe(Buffer.from(data).toString('base64'))
        expect(fromBase64(toBase64(data))).toEqual({ ok: true, value: data })
      }),
    )
  })

  it('may be a megabyte', () => {
    const data = new Uint8Array(1024 * 1024).map((_, i) => i)
    expect(fromBase64(toBase64(data))).toEqual({ ok: true, value: data })
  })

  it.each(['a', 'ab', 'abc', 'ab=', 'a===', '====', '=', 'ab cd', 'ab\ncd=', 'ab-_', 'äöüß', 'ab==cd==', 'abcde==='])(
    'is not base64 with padding: %j',
    (written) => {
      expect(fromBase64(written)).toEqual({ ok: false, error: 'not_base64' })
    },
  )

  it('is nothing when the text is empty', () => {
    expect(fromBase64('')).toEqual({ ok: true, value: new Uint8Array(0) })
  })
})
