import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ListedDelivery } from '../../durable-objects/endpoint/rpc.ts'
import { type LanePage, mergeLanes, type Place, startOf } from '../../src/deliveries/merge-lanes.ts'

/** One lane's deliveries; those that do not fit the filter are looked at all the same. */
type Lane = readonly { position: number; fits: boolean }[]

const idOf = (lane: number, position: number) => `${position} in lane ${lane}`

function toListed(lane: number, position: number): ListedDelivery {
  return {
    position,
    message_id: idOf(lane, position),
    endpoint_id: 'ep_1',
    event_type: 'invoice.paid',
    state: 'succeeded',
    reason: null,
    attempts: 1,
    last_status: 200,
    last_error: null,
    ordering_key: null,
    accepted_at: position,
    next_attempt_at: null,
    erased_at: null,
    finished_at: position,
    updated_at: position,
  }
}

/** As an Endpoint answers: at most so many deliveries, having looked at no more than so many rows. */
function listLane(lane: number, rows: Lane, below: number, limit: number, rows_looked_at_max: number): LanePage {
  const deliveries: ListedDelivery[] = []
  const ahead = rows.filter(({ position }) => position < below)
  for (const [i, { position, fits }] of ahead.entries()) {
    if (fits) deliveries.push(toListed(lane, position))
    if (deliveries.length === limit || i + 1 === rows_looked_at_max) return { lane, deliveries, next: position }
  }
  return { lane, deliveries, next: null }
}

/** Everything that fits, by position and then by lane, descending. */
function wholeList(lanes: readonly Lane[]): string[] {
  return lanes
    .flatMap((rows, lane) => rows.filter(({ fits }) => fits).map(({ position }) => ({ lane, position })))
    .sort((a, b) => b.position - a.position || b.lane - a.lane)
    .map(({ lane, position }) => idOf(lane, position))
}

/** What somebody sees who goes on from page to page. */
function allPages(lanes: readonly Lane[], limit: number, rows_looked_at_max: number): string[][] {
  const pages: string[][] = []
  let after: Place | null = null
  const rows = lanes.reduce((sum, { length }) => sum + length, 0)
  do {
    const start = (lane: number) => (after === null ? Number.POSITIVE_INFINITY : startOf(after, lane))
    const asked = lanes.map((rows, lane) => listLane(lane, rows, start(lane), limit, rows_looked_at_max))
    const { deliveries, next } = mergeLanes(asked, limit)
    pages.push(deliveries.map(({ message_id }) => message_id))
    after = next
    if (pages.length > rows + 1) throw new Error('the pages do not come to an end')
  } while (after !== null)
  return pages
}

// Few positions, so that lanes often share one.
const lane = fc
  .uniqueArray(fc.record({ position: fc.nat(40), fits: fc.boolean() }), { selector: ({ position }) => position })
  .map((rows): Lane => rows.toSorted((a, b) => b.position - a.position))

describe('the merged list of several lanes', () => {
  it('has each delivery once, in order, whatever the size of pages and however little a lane looks at', () => {
    fc.assert(
      fc.property(
        fc.array(lane, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 12 }),
        (lanes, limit, rows_looked_at_max) => {
          const pages = allPages(lanes, limit, rows_looked_at_max)
          expect(pages.flat()).toEqual(wholeList(lanes))
          expect(Math.max(...pages.map(({ length }) => length))).toBeLessThanOrEqual(limit)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('goes on inside a position that several lanes share', () => {
    const lanes: Lane[] = Array.from({ length: 4 }, () => [{ position: 7, fits: true }])
    expect(allPages(lanes, 2, 10)).toEqual([
      ['7 in lane 3', '7 in lane 2'],
      ['7 in lane 1', '7 in lane 0'],
    ])
  })

  it('may be short of its limit where a lane has not looked further, and hides nothing that comes before', () => {
    const rare: Lane = [9, 8, 7, 6].map((position) => ({ position, fits: position === 6 }))
    const common: Lane = [{ position: 5, fits: true }]
    expect(allPages([rare, common], 2, 2)).toEqual([[], ['6 in lane 0'], ['5 in lane 1']])
  })

  it('tells nothing about places', () => {
    const { deliveries } = mergeLanes([{ lane: 0, deliveries: [toListed(0, 5)], next: null }], 10)
    expect(deliveries).toHaveLength(1)
    expect(deliveries[0]).not.toHaveProperty('position')
  })

  it('of lanes without deliveries is empty, and at its end', () => {
    expect(allPages([[], []], 5, 5)).toEqual([[]])
  })
})
