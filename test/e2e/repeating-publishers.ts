import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { type Tenant, waitFor } from './harness.ts'

/** Between two messages of one publisher: enough load to be in the middle of something at any moment. */
const PACE_MS = 50

/** Publishers as our documentation asks for: each repeats a message with the same Idempotency-Key until it gets a 2xx. */
export class RepeatingPublishers {
  /** Ids that were answered 202. */
  readonly accepted = new Set<string>()
  /** Requests that got no answer at all. */
  broken = 0
  /** Answers that said: accepted before. */
  duplicates = 0
  #is_over = false
  readonly #tenant: Tenant
  readonly #running: Promise<void>[]

  constructor(tenant: Tenant, count: number) {
    this.#tenant = tenant
    this.#running = Array.from({ length: count }, (_, line) => this.#run(line))
    // An early failure is told by `stop`; until then somebody has to hold it.
    for (const running of this.#running) running.catch(() => {})
  }

  /** Each ends with what it has begun. */
  async stop(): Promise<void> {
    this.#is_over = true
    await Promise.all(this.#running)
  }

  /** One message, in the order of its line. */
  async publish(line: number, seq: number): Promise<void> {
    const message = { type: 'kill.survived', data: { line, seq }, ordering_key: `line-${line}` }
    const headers = { 'idempotency-key': `${line}/${seq}` }
    await waitFor(
      async () => {
        const answer = await this.#tenant.publish(message, headers).catch(() => null)
        if (answer === null) {
          this.broken++
          return false
        }
        // Refusals are for now; anything else would be a mistake that no repetition mends.
        expect([202, 503]).toContain(answer.status)
        if (answer.status === 503) return false
        if (answer.body.duplicate) this.duplicates++
        this.accepted.add(answer.body.id)
        return true
      },
      { limit_ms: 60_000, what: `A 202 for message ${seq} of publisher ${line}`, interval_ms: 50 },
    )
  }

  async #run(line: number): Promise<void> {
    for (let seq = 0; !this.#is_over; seq++) {
      await this.publish(line, seq)
      await delay(PACE_MS)
    }
  }
}
