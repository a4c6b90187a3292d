import { describe, expect, it } from 'vitest'
import { parseKeyring } from '../../src/lib/keyring.ts'
import {
  afterPass,
  changedKeys,
  describeRing,
  nextRotation,
  type Rotation,
  SETTLING_MS,
} from '../../src/master-keys/rotation.ts'

const master = (id: string, byte: number) => `${id}:${btoa(String.fromCharCode(byte).repeat(32))}`

async function ringOf(...keys: string[]): Promise<string[]> {
  const parsed = parseKeyring(keys.join(','))
  if (!parsed.ok) throw new Error(parsed.error)
  return describeRing(parsed.value)
}

const NOW = 1_800_000_000_000
const [k1, k2] = [await ringOf(master('k1', 1)), await ringOf(master('k2', 2), master('k1', 1))]

function next(known: Rotation | null, ring: readonly string[], now = NOW, is_asked = false): Rotation {
  const rotation = nextRotation(known, ring, 'a', now, is_asked)
  if (rotation === null) throw new Error('there is something to do')
  return rotation
}

const done = (ring: readonly string[]): Rotation => ({ ...next(null, ring), step: 'done', told: ring[0] ?? null })

describe('a ring', () => {
  it('is described by ids and fingerprints, the current key first, whatever the order of the others', async () => {
    expect(k2).toEqual([expect.stringMatching(/^k2:[0-9a-f]{16}$/), expect.stringMatching(/^k1:[0-9a-f]{16}$/)])
    const [a, b] = [master('a', 3), master('b', 4)]
    expect(await ringOf(master('k2', 2), b, a)).toEqual(await ringOf(master('k2', 2), a, b))
  })

  it('gives no key material away', () => {
    for (const byte of [1, 2]) expect(k2.join()).not.toContain(btoa(String.fromCharCode(byte).repeat(6)))
  })

  it('shows when another key has the id of one before', async () => {
    const known = done(k2)
    expect(changedKeys(known, k2)).toEqual([])
    expect(changedKeys(known, await ringOf(master('k2', 9), master('k1', 1)))).toEqual(['k2'])
    expect(changedKeys(null, k2)).toEqual([])
    // An id that was out of use meanwhile has not been forgotten.
    const later = next({ ...known, step: 'done' }, await ringOf(master('k3', 3)))
    expect(changedKeys(later, await ringOf(master('k3', 3), master('k1', 9)))).toEqual(['k1'])
  })
})

describe('what is next', () => {
  it('is nothing once everything is under the current key', () => {
    expect(nextRotation(done(k2), k2, 'a', NOW, false)).toBeNull()
  })

  it('is all of it when the current key is another', () => {
    expect(next(done(k1), k2)).toMatchObject({ step: 'reseal', told: null, current_since: NOW })
  })

  it('is a look at the database alone when another key than the current one has come or gone', () => {
    const known = done(k2)
    expect(next(known, k2.slice(0, 1), NOW + 1)).toMatchObject({ step: 'reseal', told: known.told, current_since: NOW })
  })

  it('is all of it when a person asks, and only if nothing is under way', () => {
    expect(next(done(k2), k2, NOW, true)).toMatchObject({ step: 'reseal', told: null })
    const telling: Rotation = { ...next(null, k2), step: 'tell', told_after: ['acme', '7'] }
    expect(next(telling, k2, NOW, true)).toEqual(telling)
  })
})

describe('after a pass', () => {
  const begun = (passed: Partial<Rotation['pass']>, more: Partial<Rotation> = {}): Rotation => {
    const rotation = next(null, k2)
    return { ...rotation, ...more, pass: { ...rotation.pass, began_at: NOW + SETTLING_MS, ...passed } }
  }

  it('that had something to do comes another, at once', () => {
    expect(afterPass(begun({ resealed: 1 }), NOW)).toMatchObject({ is_over: false, rotation: { step: 'reseal' } })
  })

  it('that had nothing to do, Endpoints are told', () => {
    expect(afterPass(begun({ unsealable: 3 }), NOW)).toMatchObject({
      is_over: false,
      rotation: { step: 'tell', unsealable: 3, told_after: [], untold: [] },
    })
  })

  it('that began when others could still seal under the former key, a later run has to look again', () => {
    const early = begun({ began_at: NOW + SETTLING_MS - 1 })
    const { rotation, is_over } = afterPass(early, NOW)
    expect({ step: rotation.step, is_over }).toEqual({ step: 'reseal', is_over: true })
    const later = next(rotation, k2, NOW + SETTLING_MS)
    expect(afterPass(later, NOW + SETTLING_MS).rotation.step).toBe('tell')
  })

  it('Endpoints are not told when no copy has changed since they were', () => {
    expect(afterPass(begun({}, { told: k2[0] ?? null }), NOW).rotation.step).toBe('vouch')
  })
})
