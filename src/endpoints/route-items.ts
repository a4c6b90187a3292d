import type { EnqueueAnswer, EnqueueCall, EnqueueItem, EnqueueResult } from '../../durable-objects/endpoint/rpc.ts'
import { formerHomes, homeOf, isDraining, type Lanable, type Layout } from './lanes.ts'

/** One message on its way to an endpoint. */
export interface Offer {
  item: EnqueueItem
  /** It may have been placed before: it has an idempotency key, or comes from a queue. */
  may_be_known: boolean
}

export interface LaneCall {
  lane: number
  epoch: number
  as: EnqueueCall['as']
  items: EnqueueItem[]
}

/** Null when the lane did not answer. */
export type LaneAnswer = EnqueueAnswer | null

/** `missing`: a lane did not answer, so the item is in nobody's custody as far as anyone knows. */
export type Routed = Exclude<EnqueueResult, { outcome: 'elsewhere' }> | { outcome: 'missing' }

/** Whoever is told of a newer layout this often meets something that will not come to rest. */
const MOVES_MAX = 3

/** Offers of one ordering key, which go the same way together, so that their order is kept. */
interface Party {
  offers: readonly Offer[]
  /** Lanes to ask yet; the last is the home. */
  path: readonly Stop[]
}

type Stop = Pick<LaneCall, 'lane' | 'as'>

/**
 * Finds the lane of each item: yields calls that may be made at the same time, takes their answers, and
 * returns what became of each item, in their order. Lanes of before are asked first. They take what
 * belongs behind something that they hold, and pass on the rest; so the unfinished deliveries of an
 * ordering key are never in two lanes at once.
 */
export function* routeItems(
  offers: readonly Offer[],
  known: Layout,
  now: number,
): Generator<LaneCall[], Routed[], LaneAnswer[]> {
  const results = new Map<Offer, Routed>()
  let layout = known
  let moves = 0
  for (let parties = gather(offers, layout, now); parties.length > 0; ) {
    const rides = [...Map.groupBy(parties, ({ path }) => `${path[0]?.lane} ${path[0]?.as} ${path.length}`).values()]
    const answers = yield rides.map((ride) => toCall(ride, layout.epoch))
    const remaining: Party[] = []
    for (const [i, ride] of rides.entries()) {
      const answer = answers[i]
      if (answer?.moved) {
        layout = answer.moved.epoch > layout.epoch ? answer.moved : layout
        continue
      }
      let at = 0
      for (const { offers, path } of ride) {
        const passed_on = offers.filter((offer) => {
          const result = answer?.results[at++] ?? { outcome: 'missing' }
          if (result.outcome !== 'elsewhere') results.set(offer, result)
          return result.outcome === 'elsewhere'
        })
        const [_, ...further] = path
        if (passed_on.length > 0 && further.length > 0) remaining.push({ offers: passed_on, path: further })
      }
    }
    if (!answers.some((answer) => answer?.moved)) parties = remaining
    else if (++moves > MOVES_MAX) parties = []
    else
      parties = gather(
        offers.filter((offer) => !results.has(offer)),
        layout,
        now,
        // A call that was made again may have taken effect before the layout changed.
        true,
      )
  }
  return offers.map((offer) => results.get(offer) ?? { outcome: 'missing' })
}

function gather(offers: readonly Offer[], layout: Layout, now: number, is_again = false): Party[] {
  const families = Map.groupBy(offers, ({ item }) => item.ordering_key ?? item.message_id)
  return [...families.values()].map((offers) => {
    const may_be_known = is_again || offers.some((offer) => offer.may_be_known)
    // Of one family, so any of them says where all of them go.
    const { item } = offers[0] as Offer
    return { offers, path: pathOf(layout, { ...item, may_be_known }, now) }
  })
}

/**
 * Lanes of before, then the home. A lane that still holds the ordering key would take an item that one
 * behind it on the path knows already: so those are asked first whether they do.
 */
function pathOf(layout: Layout, message: Lanable & { may_be_known: boolean }, now: number): Stop[] {
  const former = formerHomes(layout, message, now)
  const home = homeOf(layout, message)
  const is_sought = message.may_be_known && message.ordering_key !== null
  const taker = is_sought ? former.findIndex((lane) => isDraining(layout, lane)) : -1
  const inquired = taker === -1 ? [] : [...former.slice(taker + 1), home]
  return [
    ...inquired.map((lane) => ({ lane, as: 'inquiry' as const })),
    ...former.map((lane) => ({ lane, as: 'former' as const })),
    { lane: home, as: 'home' },
  ]
}

/** One call for all that goes to the same lane in the same role. */
function toCall(ride: readonly Party[], epoch: number): LaneCall {
  const { lane, as } = (ride[0] as Party).path[0] as Stop
  const items = ride.flatMap(({ offers }) => offers.map(({ item }) => item))
  return { lane, epoch, as, items }
}
