import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createId, createKeyedId, idPattern, isKeyedId, timeOfId } from '../../src/lib/ids.ts'

const zeros = (length: number) => new Uint8Array(length)

describe('ids', () => {
  it('sorts as text in the order of time', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 45), fc.nat(2 ** 45), (a, b) => {
        const [first, second] = [createId('msg', a, zeros), createId('msg', b, zeros)]
        return a < b ? first < second : a > b ? first > second : first === second
      }),
    )
  })

  it('gives back the time it was made of', () => {
    fc.assert(fc.property(fc.nat(2 ** 45), (now) => timeOfId(createId('ep', now, zeros)) === now))
  })

  it('marks keyed ids, which have no time', () => {
    const id = createKeyedId('msg', new Uint8Array(32).fill(7))
    expect(id).toMatch(new RegExp(idPattern('msg')))
    expect(isKeyedId(id)).toBe(true)
    expect(timeOfId(id)).toBeUndefined()
    expect(isKeyedId(createId('msg', Date.UTC(2500, 0), zeros))).toBe(false)
  })
})
