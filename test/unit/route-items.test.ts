/** Finding the lane of each item, with lanes that answer as a test says. */
import { describe, expect, it } from 'vitest'
import type { EnqueueResult } from '../../durable-objects/endpoint/rpc.ts'
import { type Layout, newLayout, relayout } from '../../src/endpoints/lanes.ts'
import { type LaneAnswer, type LaneCall, type Offer, routeItems } from '../../src/endpoints/route-items.ts'

const NOW = Date.UTC(2026, 10, 24)

/** From one lane to 4 to 2, and nothing has drained. */
const ONE = newLayout(1)
const FOUR = relayout(ONE, 4, NOW + 1000, NOW)
const TWO = relayout(FOUR, 2, NOW + 1000, NOW)

/** Home: lane 3 of 4, and 1 of 2. */
const K31 = 'ünïcode 🚀'
/** Home: lane 1 of 4, and 1 of 2. */
const K11 = 'cus_42'
/** Home: lane 2 of 4, and 0 of 2. */
const K20 = 'order-1842'

let messages = 0

function offer(ordering_key: string | null, { may_be_known = false, id = `msg_${++messages}` } = {}): Offer {
  const item = {
    message_id: id,
    event_type: 'invoice.paid',
    content_type: 'application/json',
    format: 'event',
    headers: {},
    channels: [],
    ordering_key,
    accepted_at: NOW,
    fingerprint: 'f',
    body: { inline: new Uint8Array() },
    subject: null,
    note: null,
  } as const
  return { may_be_known, item: { ...item, headers: {}, channels: [] } }
}

const ACCEPTED: EnqueueResult = { outcome: 'accepted', state: 'pending' }
const ELSEWHERE: EnqueueResult = { outcome: 'elsewhere' }

/** The same for every item. */
const each = (call: LaneCall, result: EnqueueResult): LaneAnswer => ({
  results: call.items.map(() => result),
  moved: null,
})
const movedTo = (moved: Layout): LaneAnswer => ({ results: [], moved })

/** Former lanes hold nothing, and homes take everything. */
const obliging = (call: LaneCall): LaneAnswer => each(call, call.as === 'home' ? ACCEPTED : ELSEWHERE)

interface Seen {
  /** Rounds of calls that may be made at once, in words. */
  rounds: string[][]
  calls: LaneCall[]
  outcomes: string[]
}

/** Routes to the end, or as far as any publisher would have patience. */
function route(offers: readonly Offer[], layout: Layout, answer: (call: LaneCall) => LaneAnswer): Seen {
  const routing = routeItems(offers, layout, NOW)
  const seen: Seen = { rounds: [], calls: [], outcomes: [] }
  let step = routing.next([])
  while (!step.done) {
    const calls = step.value
    seen.calls.push(...calls)
    seen.rounds.push(calls.map(({ lane, as, epoch }) => `${as} ${lane} @${epoch}`))
    if (seen.rounds.length > 20) throw new Error('it does not come to an end')
    step = routing.next(calls.map(answer))
  }
  return { ...seen, outcomes: step.value.map(({ outcome }) => outcome) }
}

const idsOf = (offers: readonly Offer[]) => offers.map(({ item }) => item.message_id)

describe('an item', () => {
  it('goes to its home alone when the number of lanes has never changed', () => {
    expect(route([offer(K31)], newLayout(4), obliging)).toMatchObject({
      rounds: [['home 3 @1']],
      outcomes: ['accepted'],
    })
  })

  it('is offered to former lanes first, oldest first, and to its home when they pass it on', () => {
    expect(route([offer(K31)], TWO, obliging)).toMatchObject({
      rounds: [['former 0 @2'], ['former 3 @2'], ['home 1 @2']],
      outcomes: ['accepted'],
    })
  })

  it('stays with the former lane that takes it', () => {
    const takes = (call: LaneCall) => each(call, call.lane === 3 ? ACCEPTED : ELSEWHERE)
    expect(route([offer(K31)], TWO, takes)).toMatchObject({
      rounds: [['former 0 @2'], ['former 3 @2']],
      outcomes: ['accepted'],
    })
  })

  it.each(['duplicate', 'conflict', 'full', 'gone'] as const)(
    'for which a former lane says %s goes no further',
    (outcome) => {
      const result = { outcome, state: 'succeeded', accepted_at: NOW } as EnqueueResult
      const seen = route([offer(K31)], TWO, (call) => each(call, result))
      expect(seen).toMatchObject({ rounds: [['former 0 @2']], outcomes: [outcome] })
    },
  )

  it('that may be known is offered to a lane that could hold its key only after the others do not know it', () => {
    const seen = route([offer(K31, { may_be_known: true })], TWO, obliging)
    const inquiries = [['inquiry 3 @2'], ['inquiry 1 @2']]
    expect(seen.rounds).toEqual([...inquiries, ['former 0 @2'], ['former 3 @2'], ['home 1 @2']])
  })

  it('that a lane behind the holder of its key knows goes no further', () => {
    const duplicate: EnqueueResult = { outcome: 'duplicate', state: 'succeeded', accepted_at: NOW }
    const answer = (call: LaneCall) => (call.lane === 1 ? each(call, duplicate) : obliging(call))
    const seen = route([offer(K31, { may_be_known: true })], TWO, answer)
    expect(seen).toMatchObject({ rounds: [['inquiry 3 @2'], ['inquiry 1 @2']], outcomes: ['duplicate'] })
  })

  it('without a key goes to its home at once, unless it may be known somewhere', () => {
    // By its id: lane 0 of one, lane 1 of 4, lane 1 of 2.
    const id = K11
    expect(route([offer(null, { id })], TWO, obliging).rounds).toEqual([['home 1 @2']])
    const seen = route([offer(null, { id, may_be_known: true })], TWO, obliging)
    expect(seen.rounds).toEqual([['former 0 @2'], ['home 1 @2']])
  })

  it.each(['former', 'home'] as const)(
    'is missing when the %s lane does not answer, and is offered nowhere else',
    (as) => {
      const seen = route([offer(K11)], TWO, (call) => (call.as === as ? null : obliging(call)))
      expect(seen.outcomes).toEqual(['missing'])
      expect(seen.calls.at(-1)?.as).toBe(as)
    },
  )
})

describe('a lane that knows a newer layout', () => {
  it('makes it begin again by that one', () => {
    const answer = (call: LaneCall) => (call.epoch < TWO.epoch ? movedTo(TWO) : obliging(call))
    expect(route([offer(K31)], ONE, answer)).toMatchObject({
      // It may have been taken before, by a call whose answer was lost.
      rounds: [['home 0 @0'], ['inquiry 3 @2'], ['inquiry 1 @2'], ['former 0 @2'], ['former 3 @2'], ['home 1 @2']],
      outcomes: ['accepted'],
    })
  })

  it('makes none of the items that others have taken go anywhere again', () => {
    const offers = [offer(K11), offer(K20), offer(K31)]
    // By 4 lanes they go to three of them; only lane 3 has heard of the change.
    const answer = (call: LaneCall) => (call.epoch === 1 && call.lane === 3 ? movedTo(TWO) : obliging(call))
    const seen = route(offers, { ...FOUR, draining: 0 }, answer)
    expect(seen.rounds[0]).toEqual(['home 1 @1', 'home 2 @1', 'home 3 @1'])
    const later = seen.calls.slice(3).flatMap(({ items }) => items.map(({ message_id }) => message_id))
    expect(new Set(later)).toEqual(new Set(idsOf(offers.slice(2))))
    expect(seen.outcomes).toEqual(['accepted', 'accepted', 'accepted'])
  })

  it('is believed over one that knows a layout in between', () => {
    const answer = (call: LaneCall) => {
      if (call.epoch === 2) return obliging(call)
      return movedTo(call.lane === 1 ? TWO : { ...FOUR, epoch: 1 })
    }
    const seen = route([offer(K11), offer(K20)], { ...newLayout(4), epoch: 0 }, answer)
    expect(seen.rounds[0]).toEqual(['home 1 @0', 'home 2 @0'])
    expect(seen.calls.slice(2).map(({ epoch }) => epoch)).not.toContain(1)
    expect(seen.outcomes).toEqual(['accepted', 'accepted'])
  })

  it('is not followed for ever: what does not come to rest is missing', () => {
    let epoch = 0
    const seen = route([offer(K11)], ONE, () => movedTo({ ...ONE, epoch: ++epoch }))
    expect(seen.outcomes).toEqual(['missing'])
    expect(seen.rounds.length).toBeLessThan(6)
  })
})

describe('a batch', () => {
  it('is one call for all that goes to the same lane in the same role', () => {
    const offers = [offer(K11), offer(K20), offer(K11), offer(null, { id: K11 })]
    const seen = route(offers, newLayout(4), obliging)
    expect(seen.rounds).toEqual([['home 1 @1', 'home 2 @1']])
    expect(seen.calls.map(({ items }) => items.length)).toEqual([3, 1])
  })

  it('comes back in its own order, however its items were spread', () => {
    const outcomeOf = (call: LaneCall, id: string): EnqueueResult =>
      call.lane === 2 && id === 'second' ? { outcome: 'conflict' } : ACCEPTED
    const offers = [offer(K11), offer(K20, { id: 'second' }), offer(K31), offer(K20)]
    const seen = route(offers, newLayout(4), (call) => ({
      results: call.items.map(({ message_id }) => outcomeOf(call, message_id)),
      moved: null,
    }))
    expect(seen.outcomes).toEqual(['accepted', 'conflict', 'accepted', 'accepted'])
  })

  it('keeps the members of one ordering key together and in order, though only one of them may be known', () => {
    const family = [offer(K31), offer(K31, { may_be_known: true }), offer(K31)]
    const offers = [...family.slice(0, 1), offer(K20), ...family.slice(1, 2), offer(null), ...family.slice(2)]
    // Drained: only what may be known is a reason to ask before.
    const seen = route(offers, { ...TWO, draining: 0 }, obliging)
    const theirs = seen.calls
      .map((call) => ({ ...call, ids: call.items.map(({ message_id }) => message_id) }))
      .filter(({ ids }) => ids.some((id) => idsOf(family).includes(id)))
    expect(theirs.map(({ as, lane }) => `${as} ${lane}`)).toEqual(['former 0', 'former 3', 'home 1'])
    for (const { ids } of theirs) expect(ids.filter((id) => idsOf(family).includes(id))).toEqual(idsOf(family))
    expect(seen.outcomes).toEqual(offers.map(() => 'accepted'))
  })

  it('loses sight of nothing when one lane does not answer and another passes on', () => {
    const offers = [offer(K31), offer(K20), offer(K11)]
    const seen = route(offers, TWO, (call) => (call.lane === 2 ? null : obliging(call)))
    expect(seen.outcomes).toEqual(['accepted', 'missing', 'accepted'])
  })
})
