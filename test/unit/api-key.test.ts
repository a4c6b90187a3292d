import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createApiKey, hintOf, isWellFormedApiKey } from '../../src/keys/api-key.ts'

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

describe('an API key', () => {
  it.each(['live', 'test'] as const)('says that it is a %s key, and is well formed', async (mode) => {
    const key = await createApiKey(mode, random)
    expect(key).toMatch(new RegExp(`^pst_${mode}_[${ALPHABET}]{38}$`))
    expect(await isWellFormedApiKey(key)).toBe(true)
  })

  it('has 160 random bits: five of each of 32 bytes', async () => {
    const asked: number[] = []
    const key = await createApiKey('live', (length) => {
      asked.push(length)
      return Uint8Array.from({ length }, (_, i) => i)
    })
    expect(asked).toEqual([32])
    expect(key.slice(9, 41)).toBe(ALPHABET)
  })

  it('is another one every time', async () => {
    const keys = await Promise.all(Array.from({ length: 200 }, () => createApiKey('live', random)))
    expect(new Set(keys).size).toBe(200)
  })

  it('is not well formed once a single character is mistyped, so that no lookup is needed', async () => {
    const key = await createApiKey('live', random)
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 9, max: 46 }), fc.constantFrom(...ALPHABET), async (at, typed) => {
        fc.pre(key[at] !== typed)
        expect(await isWellFormedApiKey(key.slice(0, at) + typed + key.slice(at + 1))).toBe(false)
      }),
    )
  })

  it('is not well formed for the other mode, as the checksum covers it', async () => {
    const key = await createApiKey('test', random)
    expect(await isWellFormedApiKey(key.replace('pst_test_', 'pst_live_'))).toBe(false)
  })

  it('is not well formed with something around it, or in lower case', async () => {
    const key = await createApiKey('live', random)
    for (const other of ['', 'pst_live_', ` ${key}`, `${key}\n`, `${key}0`, key.slice(0, -1), key.toLowerCase()]) {
      expect(await isWellFormedApiKey(other)).toBe(false)
    }
  })

  it('can be told from another by its hint, which gives nearly nothing away', async () => {
    const key = await createApiKey('live', random)
    expect(hintOf(key)).toBe(`${key.slice(0, 13)}…`)
    // 28 of its 32 random characters stay unknown: 140 bits.
    expect(hintOf(key).length - 'pst_live_…'.length).toBe(4)
  })
})
