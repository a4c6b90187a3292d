import { hkdfSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deriveBytes, type Keyring, parseKeyring, seal, unseal } from '../../src/lib/keyring.ts'

/** 32 bytes of one value, as base64: a master key that is easy to tell from another. */
const master = (byte: number) => btoa(String.fromCharCode(byte).repeat(32))
const OLD = `old:${master(1)}`
const NEW = `new:${master(2)}`

function keyring(text: string): Keyring {
  const parsed = parseKeyring(text)
  if (!parsed.ok) throw new Error(parsed.error)
  return parsed.value
}

/** The same sealed text with one bit of its iv, ciphertext or tag turned. */
function withBitFlipped(sealed: string, bit: number): string {
  const [id, base64 = ''] = sealed.split('.')
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  const at = bit % (bytes.length * 8)
  bytes[at >> 3] = (bytes[at >> 3] ?? 0) ^ (1 << (at & 7))
  return `${id}.${btoa(String.fromCharCode(...bytes))}`
}

describe('a sealed secret', () => {
  it('comes back as it was, whatever it says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.string(), async (plaintext, context) => {
        const ring = keyring(OLD)
        expect(await unseal(ring, await seal(ring, plaintext, context), context)).toEqual({
          ok: true,
          value: plaintext,
        })
      }),
    )
  })

  it('never looks the same twice, and never shows its content', async () => {
    const ring = keyring(OLD)
    const [first, second] = [
      await seal(ring, 'whsec_secret', 'acme/ep_1'),
      await seal(ring, 'whsec_secret', 'acme/ep_1'),
    ]
    expect(first).not.toBe(second)
    expect(first).not.toContain('whsec_')
    expect(atob(first.slice(first.indexOf('.') + 1))).not.toContain('whsec_')
  })

  it('opens only for the tenant and resource it was sealed for', async () => {
    const ring = keyring(OLD)
    const sealed = await seal(ring, 'whsec_secret', 'acme/ep_1')
    expect(await unseal(ring, sealed, 'acme/ep_1')).toEqual({ ok: true, value: 'whsec_secret' })
    for (const context of ['acme/ep_2', 'evil/ep_1', '']) {
      expect(await unseal(ring, sealed, context)).toEqual({ ok: false, error: 'not_authentic' })
    }
  })

  it('does not open once a single bit has changed', async () => {
    const ring = keyring(OLD)
    const sealed = await seal(ring, 'whsec_secret', 'acme/ep_1')
    await fc.assert(
      fc.asyncProperty(fc.nat(10_000), async (bit) => {
        expect(await unseal(ring, withBitFlipped(sealed, bit), 'acme/ep_1')).toEqual({
          ok: false,
          error: 'not_authentic',
        })
      }),
    )
  })

  it.each([
    ['empty', ''],
    ['without a key id', btoa('x'.repeat(40))],
    ['not base64', 'old.***'],
    ['nothing but an iv', `old.${btoa('x'.repeat(12))}`],
  ])('is called malformed when it is %s', async (_what, sealed) => {
    expect(await unseal(keyring(OLD), sealed, '')).toEqual({ ok: false, error: 'malformed' })
  })
})

describe('a change of master key', () => {
  it('encrypts under the first key and still decrypts what the others sealed', async () => {
    const before = await seal(keyring(OLD), 'whsec_secret', 'acme/ep_1')
    const rotated = keyring(`${NEW},${OLD}`)
    expect(await unseal(rotated, before, 'acme/ep_1')).toEqual({ ok: true, value: 'whsec_secret' })
    const after = await seal(rotated, 'whsec_secret', 'acme/ep_1')
    expect(after).toMatch(/^new\./)
    expect(await unseal(keyring(NEW), after, 'acme/ep_1')).toEqual({ ok: true, value: 'whsec_secret' })
  })

  it('names a key that is gone as unknown', async () => {
    const sealed = await seal(keyring(OLD), 'whsec_secret', 'acme/ep_1')
    expect(await unseal(keyring(NEW), sealed, 'acme/ep_1')).toEqual({ ok: false, error: 'unknown_key' })
  })

  it('does not open under another key of the same name', async () => {
    const sealed = await seal(keyring(OLD), 'whsec_secret', 'acme/ep_1')
    const impostor = keyring(`old:${master(3)}`)
    expect(await unseal(impostor, sealed, 'acme/ep_1')).toEqual({ ok: false, error: 'not_authentic' })
  })
})

describe('MASTER_KEYS', () => {
  it('may have spaces around its entries', () => {
    const ring = keyring(` ${NEW} , ${OLD} `)
    expect(ring.current).toBe('new')
    expect([...ring.keys.keys()]).toEqual(['new', 'old'])
  })

  it.each([
    ['nothing', '', 'master key 1 is not written as "id:base64"'],
    ['a trailing comma', `${OLD},`, 'master key 2 is not written as "id:base64"'],
    ['a key without an id', master(1), 'master key 1 is not written as "id:base64"'],
    [
      'an id with a dot, which separates id and ciphertext',
      `a.b:${master(1)}`,
      'master key 1 is not written as "id:base64"',
    ],
    ['an id that is too long', `${'k'.repeat(33)}:${master(1)}`, 'master key 1 is not written as "id:base64"'],
    ['something other than base64', 'old:§§§', 'master key 1 is not base64'],
    ['16 bytes', `old:${btoa('x'.repeat(16))}`, 'master key 1 has 16 bytes, not 32'],
    ['33 bytes', `old:${btoa('x'.repeat(33))}`, 'master key 1 has 33 bytes, not 32'],
    ['one id twice', `${OLD},old:${master(2)}`, 'master key 2 has the id of one before it'],
  ])('is refused with %s', (_what, text, error) => {
    expect(parseKeyring(text)).toEqual({ ok: false, error })
  })

  it('is refused without repeating key material', () => {
    const secret = btoa('top-secret'.repeat(5))
    const parsed = parseKeyring(`old:${secret}`)
    expect(parsed).toMatchObject({ ok: false })
    expect(JSON.stringify(parsed)).not.toContain(secret)
  })
})

describe('a derived key', () => {
  it('is what HKDF of RFC 5869 makes of the master key and the purpose', async () => {
    const expected = hkdfSync('sha256', Buffer.alloc(32, 1), '', 'a purpose', 32)
    expect(await deriveBytes(keyring(OLD), 'old', 'a purpose')).toEqual(new Uint8Array(expected))
  })

  it('is another for another purpose or another master key, and none for one that is gone', async () => {
    const ring = keyring(`${NEW},${OLD}`)
    const made = await Promise.all([
      deriveBytes(ring, 'old', 'a'),
      deriveBytes(ring, 'old', 'b'),
      deriveBytes(ring, 'new', 'a'),
    ])
    expect(new Set(made.map((bytes) => bytes?.join())).size).toBe(3)
    expect(await deriveBytes(ring, 'gone', 'a')).toBeUndefined()
  })
})
