import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  everyLane,
  formerHomes,
  homeOf,
  LANES_MAX,
  type Layout,
  laneOfObject,
  newLayout,
  ONE_LANE,
  objectName,
  relayout,
  shareOf,
  workingLanes,
} from '../../src/endpoints/lanes.ts'

const NOW = Date.UTC(2026, 10, 24)
const LATER = NOW + 1000

const keyed = (ordering_key: string) => ({ message_id: 'msg_1', ordering_key })
const unkeyed = (message_id: string) => ({ message_id, ordering_key: null })

/** The layout after its number of lanes became each of these, one after the other. */
function changed(first: number, ...numbers: number[]): Layout {
  return numbers.reduce((layout, lanes) => relayout(layout, lanes, LATER, NOW), newLayout(first))
}

const drained = (layout: Layout): Layout => ({ ...layout, draining: 0 })

const lanes = fc.integer({ min: 1, max: LANES_MAX })

describe('the lane of a message', () => {
  // Deliveries are stored by these values since there are lanes: with others they would be looked for elsewhere.
  it.each([
    ['cus_42', { 2: 1, 3: 1, 4: 1, 7: 6, 16: 13 }],
    ['order-1842', { 2: 0, 3: 1, 4: 2, 7: 5, 16: 6 }],
    ['ünïcode 🚀', { 2: 1, 3: 1, 4: 3, 7: 3, 16: 11 }],
    ['msg_01JD9Z6Q3V8M4T2K7N5B1C0XYE', { 2: 0, 3: 1, 4: 0, 7: 0, 16: 8 }],
  ])('of %s is the same for ever', (name, homes) => {
    for (const [lanes, home] of Object.entries(homes)) {
      expect(homeOf({ lanes: Number(lanes) }, keyed(name)), `of ${lanes}`).toBe(home)
      expect(homeOf({ lanes: Number(lanes) }, unkeyed(name)), `of ${lanes}`).toBe(home)
    }
  })

  it('is one of them, and the same for all messages of an ordering key', () => {
    fc.assert(
      fc.property(lanes, fc.string(), fc.string(), fc.string(), (lanes, ordering_key, one, other) => {
        const home = homeOf({ lanes }, { message_id: one, ordering_key })
        expect(everyLane(newLayout(lanes))).toContain(home)
        expect(homeOf({ lanes }, { message_id: other, ordering_key })).toBe(home)
      }),
    )
  })

  it.each([
    ['ordering keys that count up', (n: number) => keyed(`cus_${n}`)],
    ['ids of messages that differ in the end', (n: number) => unkeyed(`msg_01JD9Z6Q3V8M4T2K7N5B${1e6 + n}`)],
    ['ids of messages that differ in the middle', (n: number) => unkeyed(`msg_01JD9Z${1e6 + n}8M4T2K7N5B1C0`)],
  ])('is each about as often, with %s', (_what, make) => {
    for (let lanes = 2; lanes <= LANES_MAX; lanes++) {
      const counts = new Array<number>(lanes).fill(0)
      for (let n = 0; n < 1000 * lanes; n++) {
        const home = homeOf({ lanes }, make(n))
        counts[home] = (counts[home] ?? 0) + 1
      }
      // Five times what chance would make of it, which is the square root.
      for (const count of counts) expect(Math.abs(count - 1000), `of ${lanes}`).toBeLessThan(160)
    }
  })
})

describe('a change of the number of lanes', () => {
  it('is a new epoch in which the present lanes have to drain', () => {
    expect(relayout(ONE_LANE, 4, LATER, NOW)).toEqual({
      lanes: 4,
      epoch: 1,
      former: [{ lanes: 1, until: LATER }],
      draining: 0b0001,
      lanes_max: 4,
    })
  })

  it('adds to one that has not come to its end', () => {
    expect(changed(1, 4, 2)).toEqual({
      lanes: 2,
      epoch: 2,
      former: [
        { lanes: 1, until: LATER },
        { lanes: 4, until: LATER },
      ],
      draining: 0b1111,
      lanes_max: 4,
    })
  })

  it('to the same number is none', () => {
    const layout = changed(1, 4)
    expect(relayout(layout, 4, LATER, NOW)).toEqual(layout)
  })

  it('forgets numbers of before once their lanes have drained and their ids are no longer known', () => {
    const numbers = (layout: Layout, now: number) => relayout(layout, 3, now, now).former.map(({ lanes }) => lanes)
    const layout = changed(1, 4, 2)
    expect(numbers(drained(layout), LATER)).toEqual([2])
    expect(numbers(drained(layout), LATER - 1)).toEqual([1, 4, 2])
    expect(numbers(layout, LATER)).toEqual([1, 4, 2])
  })

  it('never makes a layout that grows without end, though lanes never drain', () => {
    const numbers = Array.from({ length: 100 }, (_, n) => (n % LANES_MAX) + 1)
    const former = changed(1, ...numbers).former.map(({ lanes }) => lanes)
    expect(former.toSorted((a, b) => a - b)).toEqual(everyLane(newLayout(LANES_MAX)).map((lane) => lane + 1))
  })

  it('remembers the most lanes there ever were, because finished deliveries stay where they are', () => {
    expect(everyLane(drained(changed(3, 5, 1, 2)))).toEqual([0, 1, 2, 3, 4])
  })

  it('keeps lanes at work until they have drained', () => {
    expect(workingLanes(changed(4, 2))).toEqual([0, 1, 2, 3])
    expect(workingLanes({ ...changed(4, 2), draining: 0b0101 })).toEqual([0, 1, 2])
    expect(workingLanes(drained(changed(4, 2)))).toEqual([0, 1])
  })
})

describe('lanes that are asked before the home of a message', () => {
  // Lane 3 of 4, and 1 of 2.
  const message = keyed('ünïcode 🚀')
  const ask = (layout: Layout, of: { ordering_key: string | null }, may_be_known: boolean, now = NOW) =>
    formerHomes(layout, { ...message, ...of, may_be_known }, now)

  it('are those where its key may still wait, oldest first', () => {
    expect(ask(changed(1, 4, 2), message, false)).toEqual([0, 3])
    expect(ask({ ...changed(1, 4, 2), draining: 0b1000 }, message, false)).toEqual([3])
    expect(ask(drained(changed(1, 4, 2)), message, false)).toEqual([])
  })

  it('are those that may know its id, as long as they keep ids', () => {
    const layout = drained(changed(1, 4, 2))
    expect(ask(layout, message, true)).toEqual([0, 3])
    expect(ask(layout, message, true, LATER)).toEqual([])
    // By its id it is in lane 1 of 4, and in lane 1 of 2, which is its home.
    const by_id = unkeyed('cus_42')
    expect(formerHomes(layout, { ...by_id, may_be_known: true }, NOW)).toEqual([0])
  })

  it('are none for a message without a key that nobody can have seen', () => {
    expect(formerHomes(changed(1, 4, 2), { ...unkeyed('msg_1'), may_be_known: false }, NOW)).toEqual([])
  })

  it('are each asked once, and never the home itself', () => {
    fc.assert(
      fc.property(fc.array(lanes, { minLength: 2, maxLength: 12 }), fc.string(), ([first = 1, ...rest], key) => {
        const layout = changed(first, ...rest)
        const asked = formerHomes(layout, { ...keyed(key), may_be_known: true }, NOW)
        expect(new Set(asked).size).toBe(asked.length)
        expect(asked).not.toContain(homeOf(layout, keyed(key)))
        const before = [first, ...rest].map((lanes) => homeOf({ lanes }, keyed(key)))
        expect(new Set([...asked, homeOf(layout, keyed(key))])).toEqual(new Set(before))
      }),
    )
  })
})

describe('shares of what belongs to an endpoint as a whole', () => {
  const whole = fc.record({
    max_in_flight: fc.integer({ min: 1, max: 1600 }),
    rate_limit_per_s: fc.option(fc.integer({ min: 1, max: 10_000 })),
    max_unfinished: fc.integer({ min: 1, max: 1_000_000 }),
  })
  const layouts = fc
    .tuple(fc.array(lanes, { minLength: 1, maxLength: 5 }), fc.nat(2 ** LANES_MAX - 1))
    .map(([[first = 1, ...rest], still]): Layout => {
      const layout = changed(first, ...rest)
      return { ...layout, draining: layout.draining & still }
    })

  it('add up to it, or to one for each lane where there is less', () => {
    fc.assert(
      fc.property(whole, layouts, (whole, layout) => {
        const working = workingLanes(layout)
        const shares = working.map((lane) => shareOf({ ...whole, layout }, lane))
        for (const name of ['max_in_flight', 'max_unfinished'] as const) {
          const sum = shares.reduce((sum, share) => sum + share[name], 0)
          expect(sum).toBe(Math.max(whole[name], working.length))
          expect(Math.max(...shares.map((share) => share[name] - sum / working.length))).toBeLessThan(1)
        }
        const rates = shares.map(({ rate_limit_per_s }) => rate_limit_per_s)
        if (whole.rate_limit_per_s === null) expect(new Set(rates)).toEqual(new Set([null]))
        else expect(rates.reduce<number>((sum, rate) => sum + Number(rate), 0)).toBeCloseTo(whole.rate_limit_per_s)
      }),
    )
  })

  it('are something even for a lane that has drained, which may be asked to replay', () => {
    const layout = drained(changed(16, 1))
    const share = shareOf({ layout, max_in_flight: 3, rate_limit_per_s: 2, max_unfinished: 5 }, 15)
    expect(share).toEqual({ max_in_flight: 3, rate_limit_per_s: 2, max_unfinished: 5 })
  })
})

describe('names of objects', () => {
  it('are the endpoint’s id for lane 0, as before there were lanes', () => {
    expect(objectName('ep_1', 0)).toBe('ep_1')
    expect(objectName('ep_1', 15)).toBe('ep_1/15')
  })

  it('tell their lane', () => {
    for (let lane = 0; lane < LANES_MAX; lane++) expect(laneOfObject(objectName('ep_01JD9Z', lane))).toBe(lane)
    expect(laneOfObject(undefined)).toBe(0)
  })
})
