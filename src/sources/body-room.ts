/**
 * Room for large bodies. Each is there once or twice while it is read, verified and stored: whoever knows the URL of a
 * source could end an isolate with a few at once. A body that waits is not read, so it takes no memory here.
 */
import type { BodyLimits } from '../http/read-body.ts'
import { Room } from '../lib/room.ts'

/** Two of the largest there are. */
const BYTES_MAX = 50 * 1024 * 1024

/** Nearly all are, and never wait. */
const SMALL_BYTES = 1024 * 1024

const bodies = new Room({
  bytes_max: BYTES_MAX,
  // Whoever knows one source stands in the way of that one's alone.
  bytes_of_owner_max: BYTES_MAX / 2,
  // Shorter than the patience of providers.
  patience_ms: 5000,
  // A body may take 30 s to arrive, and has to be stored.
  stay_ms_max: 60_000,
})

/** The room that the body of one request takes, if any. */
export function roomForBody(
  source_id: string,
  now: () => number,
): NonNullable<BodyLimits['room']> & { leave: () => void } {
  const visitor = bodies.visitor(source_id, now)
  return { small_bytes: SMALL_BYTES, enter: (bytes) => visitor.enter(bytes), leave: () => visitor.leave() }
}
