import { WorkerEntrypoint } from 'cloudflare:workers'
import { type AttemptJob, attempt, type FinishedAttempt } from './attempt.ts'
import { attemptMeans } from './means.ts'

/**
 * Makes attempts outside the Endpoint: stateless, so each runs in an I/O context of its own and
 * never counts against the few connections that an Endpoint may have waiting for an answer.
 */
export class Courier extends WorkerEntrypoint<Cloudflare.Env> {
  async attempt(job: AttemptJob): Promise<FinishedAttempt> {
    return attempt(
      job,
      attemptMeans(this.env, (work) => this.ctx.waitUntil(work)),
    )
  }
}
