import { createHmac, hkdfSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type Keyring, parseKeyring } from '../../src/lib/keyring.ts'
import { checkMac, signText } from '../../src/lib/mac.ts'

const master = (byte: number) => btoa(String.fromCharCode(byte).repeat(32))

function keyring(text: string): Keyring {
  const parsed = parseKeyring(text)
  if (!parsed.ok) throw new Error(parsed.error)
  return parsed.value
}

const OLD = keyring(`old:${master(1)}`)
const BOTH = keyring(`new:${master(2)},old:${master(1)}`)
const NEW = keyring(`new:${master(2)}`)

describe('a text that is signed', () => {
  it('has the HMAC of RFC 2104 under the key that HKDF makes for its purpose', async () => {
    const key = Buffer.from(hkdfSync('sha256', Buffer.alloc(32, 1), '', 'a purpose', 32))
    const expected = createHmac('sha256', key).update('a text').digest('base64')
    expect(await signText(OLD, 'a purpose', 'a text')).toBe(`old.${expected}`)
  })

  it('is signed by the current key, and checked by the one that it names', async () => {
    const mac = await signText(OLD, 'a', 'text')
    expect(await signText(BOTH, 'a', 'text')).toMatch(/^new\./)
    expect(await checkMac(BOTH, 'a', 'text', mac)).toBe('holds')
    expect(await checkMac(NEW, 'a', 'text', mac)).toBe('unknown_key')
  })

  it.each([
    ['another text', 'a', 'texts', (mac: string) => mac],
    ['another purpose', 'b', 'text', (mac: string) => mac],
    ['the id of another key', 'a', 'text', (mac: string) => mac.replace('old.', 'new.')],
    ['half of it', 'a', 'text', (mac: string) => mac.slice(0, 24)],
    ['no key', 'a', 'text', (mac: string) => mac.slice(4)],
    ['nothing', 'a', 'text', () => ''],
  ])('does not hold with %s', async (_what, purpose, text, change) => {
    expect(await checkMac(BOTH, purpose, text, change(await signText(OLD, 'a', 'text')))).toBe('forged')
  })
})
