import { Outage } from '../../src/lib/outage.ts'
import { type AttemptJob, type AttemptMeans, attempt, type FinishedAttempt, interrupted } from './attempt.ts'

/**
 * Production lets one invocation have six connections waiting for response headers, and an object is
 * one I/O context however many calls it serves. Four leave room for queues, D1 and R2.
 */
const DIRECT_ATTEMPTS_MAX = 4

/** Beyond its own timeout an attempt may wait for R2 and the courier's answer, but not for ever. */
const GRACE_MS = 30_000

/** Makes an attempt in an I/O context of its own. */
export type Courier = (job: AttemptJob) => Promise<FinishedAttempt>

/** Makes attempts: the first few at once in the Endpoint itself, which is the fast path, the rest by courier. */
export class Dispatcher {
  private readonly means: AttemptMeans
  private readonly courier: Courier
  private direct_attempts = 0

  constructor(means: AttemptMeans, courier: Courier) {
    this.means = means
    this.courier = courier
  }

  /** Never throws: what goes wrong is in the record. */
  async dispatch(job: AttemptJob): Promise<FinishedAttempt> {
    const started_at = this.means.now()
    const limit_ms = job.destination.timeout_ms + GRACE_MS
    let timer: ReturnType<typeof setTimeout> | undefined
    const overdue = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Outage(`no end within ${limit_ms} ms`)), limit_ms)
    })
    try {
      return await Promise.race([this.make(job), overdue])
    } catch (error) {
      return interrupted(job, this.means, started_at, error)
    } finally {
      clearTimeout(timer)
    }
  }

  private async make(job: AttemptJob): Promise<FinishedAttempt> {
    // A payload in R2 may be large: it is loaded where it does not weigh on the Endpoint's memory.
    if (this.direct_attempts >= DIRECT_ATTEMPTS_MAX || job.parcel.r2_key !== null) return this.courier(job)
    this.direct_attempts++
    try {
      return await attempt(job, this.means)
    } finally {
      this.direct_attempts--
    }
  }
}
