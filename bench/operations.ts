/** What one message to one endpoint that succeeds at once makes the platform do, as `test/worker/cost.test.ts` counts it. */
import type { Operation } from './prices.ts'

/** An Endpoint stays awake for the second after which it writes to the read model, and for the attempt. */
export const AWAKE_S = 1.1

type Counted = Partial<Record<Operation, number>>

/** In a stream: alarm and upkeep are shared by all messages of a minute, and vanish. */
export const IN_A_STREAM: Counted = {
  worker_requests: 1,
  object_requests: 1,
  // The delivery, and its end.
  object_rows_written: 2,
  d1_rows_written: 1,
  queue_operations: 0,
  analytics_points: 1,
}

/** The only one within a minute or more: with its own alarm, which is set, rings, and is set for retention. */
export const ALONE: Counted = {
  ...IN_A_STREAM,
  object_requests: 2,
  object_rows_written: 4,
  // Access to the tenant is read anew, one row of each of three tables.
  d1_rows_read: 3,
}

/** Later: retention deletes the Endpoint's row. The read model keeps its row until there is a retention for it. */
export const LATER: Counted = { object_rows_written: 1 }

/** While `[observability]` of wrangler.toml keeps every invocation: one of the Worker, one of the Endpoint. */
export const OBSERVED: Counted = { log_events: 2 }
