import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { endPosition, firstPosition } from '../../durable-objects/endpoint/position.ts'

const moment = fc.integer({ min: 0, max: Date.UTC(2200, 0, 1) })

describe('positions', () => {
  it('grow with the time of acceptance', () => {
    fc.assert(
      fc.property(moment, moment, (a, b) => Math.sign(firstPosition(a) - firstPosition(b)) === Math.sign(a - b)),
    )
  })

  it('have room for a thousand messages in one millisecond before they reach into the next', () => {
    fc.assert(fc.property(moment, (now) => firstPosition(now + 1) - firstPosition(now) === 1024))
  })

  it('may reach eight milliseconds further, and are looked for there', () => {
    fc.assert(fc.property(moment, (now) => endPosition(now) === firstPosition(now + 8)))
  })

  it('are exact integers beyond the year 2200, which SQLite and JavaScript agree on', () => {
    expect(Number.isSafeInteger(endPosition(Date.UTC(2200, 0, 1)))).toBe(true)
  })

  it('give back the millisecond they were made of', () => {
    fc.assert(
      fc.property(moment, fc.nat(1023), (now, nth) => {
        expect(Math.floor((firstPosition(now) + nth) / firstPosition(1))).toBe(now)
      }),
    )
  })
})
