/** Pages through an Endpoint's deliveries. A page looks at a bounded number of rows, so it may be short before the end. */

import type { DeliveryRow } from './delivery-row.ts'
import type { EndpointState } from './machine.ts'
import { firstPosition } from './position.ts'
import type { DeliveryQuery, ReplayQuery } from './rpc.ts'
import type { Store } from './store.ts'
import { shownState } from './views.ts'

const ROWS_LOOKED_AT_MAX = 20_000
const ROWS_PER_READ = 500

export interface Page {
  rows: DeliveryRow[]
  /** Where the next page begins; null on the last. */
  next: number | null
}

/** Newest first. */
export function listDeliveries(store: Store, state: EndpointState, query: DeliveryQuery): Page {
  const { states, event_type, limit } = query
  const from = firstPosition(query.since ?? 0)
  const start = query.below ?? firstPosition(query.until ?? TIME_END)
  const matches = (row: DeliveryRow) =>
    (states === undefined || states.includes(shownState(row, state))) &&
    (event_type === undefined || row.event_type === event_type)
  return collect(limit, matches, start, (cursor, scan) => store.pageDown(cursor, from, scan), 0)
}

/** Oldest first, finished deliveries only that could be delivered again. */
export function replayPage(store: Store, query: ReplayQuery): Page {
  const states: readonly string[] = query.states
  const below = firstPosition(query.until ?? TIME_END)
  const start = query.from ?? firstPosition(query.since ?? 0)
  const matches = (row: DeliveryRow) =>
    row.finished_at !== null && row.expired_at === null && row.erased_at === null && states.includes(row.state)
  return collect(query.limit, matches, start, (cursor, scan) => store.pageUp(cursor, below, scan), 1)
}

/** The year 2255, beyond which positions are no exact integers. */
const TIME_END = Math.floor(Number.MAX_SAFE_INTEGER / firstPosition(1)) - 1

function collect(
  limit: number,
  matches: (row: DeliveryRow) => boolean,
  start: number,
  read: (cursor: number, scan: number) => DeliveryRow[],
  step: 0 | 1,
): Page {
  const rows: DeliveryRow[] = []
  let cursor = start
  for (let looked_at = 0; looked_at < ROWS_LOOKED_AT_MAX; ) {
    const page = read(cursor, ROWS_PER_READ)
    for (const row of page) {
      looked_at++
      cursor = row.position + step
      if (matches(row)) rows.push(row)
      if (rows.length === limit) return { rows, next: cursor }
    }
    if (page.length < ROWS_PER_READ) return { rows, next: null }
  }
  return { rows, next: cursor }
}
