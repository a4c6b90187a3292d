/**
 * Lanes: one endpoint as several Durable Objects, for what one object cannot take. Everything here is a
 * pure function of the endpoint's layout, so that every publisher and every lane come to the same answer.
 */

/** As many as an endpoint may have. */
export const LANES_MAX = 16

/** Attempts at once that one object can keep going. */
export const IN_FLIGHT_PER_LANE_MAX = 100

/** How an endpoint's messages are spread over lanes, now and before. */
export interface Layout {
  lanes: number
  /** Grows with every change of `lanes`. A lane takes nothing from a publisher who goes by a lower one. */
  epoch: number
  /** Numbers of before, oldest first. Until then (Unix milliseconds) their lanes are asked for ids that they know. */
  former: readonly { lanes: number; until: number }[]
  /** Bit n: lane n may still hold deliveries that would go to another lane now. */
  draining: number
  /** The most there ever were: no lane beyond holds anything. */
  lanes_max: number
}

export const ONE_LANE: Layout = { lanes: 1, epoch: 0, former: [], draining: 0, lanes_max: 1 }

/** What decides about the lane of a message. */
export interface Lanable {
  message_id: string
  ordering_key: string | null
}

/** The layout of a new endpoint. With several lanes it is newer than what a queue's consumer goes by, which is one lane. */
export function newLayout(lanes: number): Layout {
  return { ...ONE_LANE, lanes, lanes_max: lanes, epoch: lanes === 1 ? ONE_LANE.epoch : ONE_LANE.epoch + 1 }
}

/**
 * The layout with another number of lanes: the present ones have to drain.
 * @param until how long the present lanes are asked for ids that they know: as long as they keep them
 */
export function relayout(layout: Layout, lanes: number, until: number, now: number): Layout {
  if (lanes === layout.lanes) return layout
  // One that is still draining may hold any key that an old number gave it.
  const is_needed = (former: Layout['former'][number]) =>
    (former.until > now || layout.draining !== 0) && former.lanes !== layout.lanes
  return {
    lanes,
    epoch: layout.epoch + 1,
    former: [...layout.former.filter(is_needed), { lanes: layout.lanes, until }],
    draining: layout.draining | allOf(layout.lanes),
    lanes_max: Math.max(layout.lanes_max, lanes),
  }
}

/** Where a message goes: by its ordering key, or by its id where it has none. */
export function homeOf({ lanes }: Pick<Layout, 'lanes'>, { message_id, ordering_key }: Lanable): number {
  return lanes === 1 ? 0 : hash(ordering_key ?? message_id) % lanes
}

/**
 * Lanes to ask before its home, because they may hold earlier deliveries of its ordering key, or know its
 * id already.
 */
export function formerHomes(layout: Layout, message: Lanable & { may_be_known: boolean }, now: number): number[] {
  const homes = layout.former.flatMap(({ lanes, until }) => {
    const lane = homeOf({ lanes }, message)
    const may_hold_key = message.ordering_key !== null && isDraining(layout, lane)
    return may_hold_key || (message.may_be_known && until > now) ? [lane] : []
  })
  const home = homeOf(layout, message)
  return [...new Set(homes)].filter((lane) => lane !== home)
}

/** What belongs to an endpoint as a whole. */
interface Whole {
  max_in_flight: number
  rate_limit_per_s: number | null
  max_unfinished: number
}

/** One lane's share, beside the others and those that still have to drain: together they keep to the whole. */
export function shareOf({ layout, ...whole }: Whole & { layout: Layout }, lane: number): Whole {
  const working = workingLanes(layout)
  const count = working.length
  // A lane that has drained may be asked to replay something: it then works as one of the last.
  const rank = working.includes(lane) ? working.indexOf(lane) : count - 1
  const part = (of: number) => Math.max(1, Math.floor(of / count) + (rank < of % count ? 1 : 0))
  return {
    max_in_flight: part(whole.max_in_flight),
    rate_limit_per_s: whole.rate_limit_per_s === null ? null : whole.rate_limit_per_s / count,
    max_unfinished: part(whole.max_unfinished),
  }
}

/** Whether a lane may hold deliveries that would go to another one now. */
export function isDraining({ draining }: Layout, lane: number): boolean {
  return (draining & (1 << lane)) !== 0
}

/** Lane 0 bears the endpoint's id, further ones a number beside it. */
export function objectName(endpoint_id: string, lane: number): string {
  return lane === 0 ? endpoint_id : `${endpoint_id}/${lane}`
}

/** Inverse of {@link objectName}. */
export function laneOfObject(object_name: string | undefined): number {
  return Number(object_name?.split('/')[1] ?? 0)
}

/** Every lane that may hold something. */
export function everyLane({ lanes_max }: Layout): number[] {
  return Array.from({ length: lanes_max }, (_, lane) => lane)
}

/** Every lane that may have something to deliver. */
export function workingLanes(layout: Layout): number[] {
  return everyLane(layout).filter((lane) => lane < layout.lanes || isDraining(layout, lane))
}

function allOf(lanes: number): number {
  return 2 ** lanes - 1
}

/** FNV-1a over UTF-16 units, 32 bits. Stored deliveries depend on it: it can never be another one. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  // The low bits of FNV are weak, and they are what a small number of lanes goes by.
  value ^= value >>> 16
  value = Math.imul(value, 0x85ebca6b)
  return (value ^ (value >>> 13)) >>> 0
}
