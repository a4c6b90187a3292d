import { describe, expect, it } from 'vitest'
import { headersField } from '../../src/endpoints/headers.ts'

/** The headers as they would be sent, or the messages of what is wrong with them. */
function check(given: Record<string, string>): Record<string, string> | string[] {
  const parsed = headersField.safeParse(given)
  return parsed.success ? parsed.data : parsed.error.issues.map(({ message }) => message)
}

describe("an endpoint's own headers", () => {
  it('come out with names in lower case and values as they were', () => {
    expect(check({ Authorization: 'Bearer a b', 'X-Tenant': 'Acme' })).toEqual({
      authorization: 'Bearer a b',
      'x-tenant': 'Acme',
    })
  })

  it('may be none, or twenty, and not more', () => {
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, 'v']))
    expect(check({})).toEqual({})
    expect(check(many(20))).toEqual(many(20))
    expect(check(many(21))).toEqual(['at most 20 headers'])
  })

  it('may not be given twice in different case', () => {
    expect(check({ 'X-A': '1', 'x-a': '2' })).toEqual(['is there twice'])
  })

  it.each([
    'webhook-id',
    'Webhook-Signature',
    'WEBHOOK-TIMESTAMP',
    'webhook-anything',
    'postern-attempt',
    'content-type',
    'content-length',
    'host',
    'Host',
    'user-agent',
    'connection',
    'transfer-encoding',
    'te',
    'upgrade',
    'expect',
    'proxy-authorization',
    'cf-connecting-ip',
  ])('may not replace %s', (name) => {
    expect(check({ [name]: 'v' })).toEqual(['is not yours to set'])
  })

  it.each(['', 'with space', 'colon:', 'new\nline', 'ünicode', '(x)', 'x'.repeat(129)])(
    'may not have the name %j',
    (name) => {
      expect(check({ [name]: 'v' })).toEqual(['is not a header name'])
    },
  )

  it.each([
    ['a line break, which would begin another header', 'a\r\nx-evil: 1'],
    ['a line feed', 'a\nb'],
    ['a null', 'a\u0000b'],
    ['a space at its start', ' a'],
    ['a space at its end', 'a '],
    ['a tab', 'a\tb'],
    ['letters beyond ASCII', 'größe'],
    ['nothing', ''],
  ])('may not have %s in the value', (_what, value) => {
    expect(check({ 'x-a': value })).toEqual(['its value must be visible ASCII characters with inner spaces at most'])
  })

  it('may have values of 1,024 characters, and not more', () => {
    expect(check({ 'x-a': 'v'.repeat(1024) })).toEqual({ 'x-a': 'v'.repeat(1024) })
    expect(check({ 'x-a': 'v'.repeat(1025) })).toEqual(['its value is longer than 1024 characters'])
  })

  it('name the one that is wrong', () => {
    expect(headersField.safeParse({ 'x-a': 'v', Host: 'evil' }).error?.issues).toEqual([
      expect.objectContaining({ path: ['Host'] }),
    ])
  })

  it('can be sent: what is accepted, a Headers object takes too', () => {
    const given = { 'x-a': '!"#$%&()', "!#$%&'*+.^_`|~-": 'v', authorization: 'Basic dXNlcjpwYXNz' }
    expect(Object.fromEntries(new Headers(check(given) as Record<string, string>))).toEqual(given)
  })
})
