import { describe, expect, it } from 'vitest'
import { readData } from '../../src/lib/body-data.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

describe('a body as expressions see it', () => {
  it('is the value of JSON, whatever its type says', () => {
    expect(readData('application/json', bytes('{"a":[1]}'))).toEqual({ ok: true, value: { a: [1] } })
    expect(readData('text/plain', bytes('7'))).toEqual({ ok: true, value: 7 })
  })

  it('is the fields of a form, with a list where one is there more than once', () => {
    const form = readData('application/x-www-form-urlencoded; charset=UTF-8', bytes('From=%2B49&Body=hi+you&To=a&To=b'))
    expect(form).toEqual({ ok: true, value: { From: '+49', Body: 'hi you', To: ['a', 'b'] } })
  })

  it('is text where it is nothing else, even if it is none', () => {
    expect(readData('text/plain', bytes('hello'))).toEqual({ ok: true, value: 'hello' })
    expect(readData('application/json', Uint8Array.of(0xff, 0xfe))).toEqual({ ok: true, value: '\ufffd\ufffd' })
    expect(readData('application/json', new Uint8Array(0))).toEqual({ ok: true, value: '' })
  })

  it('is nothing that an isolate has no room for', () => {
    expect(readData('application/json', new Uint8Array(2 * 1024 * 1024)).ok).toBe(true)
    expect(readData('application/json', new Uint8Array(2 * 1024 * 1024 + 1))).toEqual({
      ok: false,
      error: 'has 2097153 bytes; expressions read no more than 2097152',
    })
  })
})
