import { WorkerEntrypoint } from 'cloudflare:workers'
import { Outage } from '../../src/lib/outage.ts'
import { Room } from '../../src/lib/room.ts'
import { type AttemptJob, attempt, type FinishedAttempt, interrupted } from './attempt.ts'
import { attemptMeans } from './means.ts'

/** Nearly all are, and never wait. */
const SMALL_BYTES = 1024 * 1024

/**
 * An isolate may serve many couriers, and a payload is there twice while it is signed and sent. One endpoint has room for one
 * of the largest, and leaves some for others, however slow it is.
 */
const payloads = new Room({
  bytes_max: 40 * 1024 * 1024,
  bytes_of_owner_max: 25 * 1024 * 1024,
  // Whoever waits for the courier gives it 30 s beside the time that the receiver has (dispatcher.ts).
  patience_ms: 20_000,
  stay_ms_max: 90_000,
})

/** Made again soon, as whatever is cut off on our side. */
const NO_ROOM = new Outage('other large payloads are on their way; this one had no room beside them')

/**
 * Makes attempts outside the Endpoint: stateless, so each runs in an I/O context of its own and
 * never counts against the few connections that an Endpoint may have waiting for an answer.
 */
export class Courier extends WorkerEntrypoint<Cloudflare.Env> {
  async attempt(job: AttemptJob): Promise<FinishedAttempt> {
    const means = attemptMeans(this.env, (work) => this.ctx.waitUntil(work))
    const started_at = means.now()
    const turn = payloads.visitor(job.destination.endpoint_id, means.now)
    try {
      const { size_bytes } = job.parcel
      const has_room = size_bytes <= SMALL_BYTES || (await turn.enter(size_bytes))
      return has_room ? await attempt(job, means) : interrupted(job, means, started_at, NO_ROOM)
    } finally {
      turn.leave()
    }
  }
}
