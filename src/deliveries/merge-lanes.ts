import type { DeliveryView, ListedDelivery } from '../../durable-objects/endpoint/rpc.ts'

/** A place in the list of an endpoint's deliveries over all lanes: by position, and at the same one by lane, both descending. */
export interface Place {
  position: number
  lane: number
}

/** The part of a lane's list that one call to it brought. */
export interface LanePage {
  lane: number
  deliveries: ListedDelivery[]
  /** It has looked at positions from here on; null when it has looked at all. */
  next: number | null
}

/** Below which position a lane's page begins, when the page before ended at this place. */
export function startOf({ position, lane: last }: Place, lane: number): number {
  return lane < last ? position + 1 : position
}

/** Merges pages of lanes into one. `next` is the place after which the next page begins; null on the last. */
export function mergeLanes(
  pages: readonly LanePage[],
  limit: number,
): { deliveries: DeliveryView[]; next: Place | null } {
  // Below that, some lane has not looked yet.
  const horizon = Math.max(...pages.map(({ next }) => next ?? Number.NEGATIVE_INFINITY))
  const all = pages
    .flatMap(({ lane, deliveries }) => deliveries.map((delivery) => ({ lane, delivery })))
    .filter(({ delivery }) => delivery.position >= horizon)
    .sort((a, b) => b.delivery.position - a.delivery.position || b.lane - a.lane)
  const shown = all.slice(0, limit)
  const deliveries = shown.map(({ delivery: { position: _, ...view } }): DeliveryView => view)
  const last = shown.at(-1)
  if (last !== undefined && all.length > limit)
    return { deliveries, next: { position: last.delivery.position, lane: last.lane } }
  return { deliveries, next: horizon === Number.NEGATIVE_INFINITY ? null : { position: horizon, lane: 0 } }
}
