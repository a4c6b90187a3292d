/** The code of lanes that runs in the simulation: the real one, or a mutant of it. */
import type { Arrival } from '../../../durable-objects/endpoint/machine.ts'
import type {
  DeliveryState,
  EnqueueCall,
  EnqueueItem,
  EnqueueResult,
  Ordering,
} from '../../../durable-objects/endpoint/rpc.ts'
import * as lanes from '../../../src/endpoints/lanes.ts'
import { routeItems } from '../../../src/endpoints/route-items.ts'

/** What of a stored delivery tells a duplicate. */
export interface Known {
  fingerprint: string
  accepted_at: number
  state: Exclude<DeliveryState, 'delivering' | 'parked'>
  erased_at: number | null
}

/** What of an Endpoint's storage decides about what comes in. */
export interface StoreView {
  acceptedAt(accepted_at: number): { by_message_id: { get(message_id: string): Known | undefined }; free: number }
  findKeyed(message_id: string): Known | null
  lastSeq(order_key: string): number | null
}

interface Incoming {
  item: EnqueueItem
  as: EnqueueCall['as']
  is_erased: boolean
}

interface Placing {
  arrivals: Arrival[]
  verdicts: (EnqueueResult | { position: number; is_twin: boolean })[]
  placed: ReadonlyMap<number, { item: EnqueueItem; order_key: string | null }>
}

/** The class of durable-objects/endpoint/intake.ts. */
type IntakeClass = new (
  store: StoreView,
) => {
  place(incoming: readonly Incoming[], ordering: Ordering, now: number): Placing
}

export interface LaneCode extends Pick<typeof lanes, 'formerHomes' | 'homeOf' | 'isDraining' | 'relayout' | 'shareOf'> {
  routeItems: typeof routeItems
  Intake: IntakeClass
}

// Not by name: its types are those of Workers, which scripts of Node do not know.
const INTAKE = new URL('../../../durable-objects/endpoint/intake.ts', import.meta.url).href
const { Intake }: { Intake: IntakeClass } = await import(/* @vite-ignore */ INTAKE)

export const LANE_CODE: LaneCode = { ...lanes, routeItems, Intake }

/** Bugs in what is only modelled: the shell around a lane. */
export interface Flaws {
  /** Takes what a publisher sends who goes by an older layout. */
  ignores_epoch?: boolean
  /** With the database down it goes by its own layout, although the caller's is newer. */
  goes_by_old_layout?: boolean
  /** Shares a read that began before what the caller knows was written. */
  shares_early_reads?: boolean
  /** Says that it has drained while it holds ordering keys of other lanes. */
  reports_early?: boolean
  /** Never says that it has drained. */
  reports_never?: boolean
  /** A layout that has changed since is marked as drained. */
  marks_any_layout?: boolean
  /** What starts again keeps its ordering key, wherever that lives now. */
  restart_keeps_key?: boolean
  /** What starts again in the home of its key keeps it, although others may still hold the key. */
  restart_trusts_home?: boolean
}
