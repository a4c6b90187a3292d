/** The circuit breaker as the design words it, kept beside the core's own and compared with it. */
import type { Breaker } from '../../durable-objects/endpoint/breaker.ts'
import type { EndpointState, Outcome } from '../../durable-objects/endpoint/machine.ts'
import { HOUR, SECOND } from './given.ts'
import { Violation } from './world.ts'

const JITTER = 0.2
const PROBE_AGAIN_MS = SECOND

export class ExpectedBreaker {
  private mode: Breaker['state'] = 'closed'
  private streak = 0
  private last_outcomes: boolean[] = []
  private openings = 0
  /** Attempts allowed at once while concurrency climbs. */
  private ramp = Number.POSITIVE_INFINITY
  private open_from = Number.NEGATIVE_INFINITY
  private open_to = Number.POSITIVE_INFINITY
  private probe: number | null = null
  failing_since: number | null = null

  /** After a restart what was stored counts, and a probe that was out is forgotten. */
  restore({ breaker }: EndpointState): void {
    if (breaker.state === 'half_open') throw new Violation('a restart believes that a probe is out')
    this.mode = breaker.state
    this.streak = breaker.consecutive_failures
    this.last_outcomes = [...breaker.window]
    this.openings = breaker.openings
    this.ramp = breaker.ramp ?? Number.POSITIVE_INFINITY
    this.open_from = breaker.open_until ?? Number.NEGATIVE_INFINITY
    this.open_to = breaker.open_until ?? Number.POSITIVE_INFINITY
    this.probe = null
    this.failing_since = breaker.failing_since
  }

  onAttempt(position: number, now: number, after: EndpointState): void {
    if (this.mode === 'half_open') throw new Violation('something was attempted while a probe was out')
    if (this.mode === 'open') {
      if (now < this.open_from) throw new Violation('a probe left before its time')
      this.mode = 'half_open'
      this.probe = position
      return
    }
    if (after.in_flight.size > this.ramp) throw new Violation('a recovering endpoint was called too much at once')
  }

  onOutcome(position: number, outcome: Outcome, now: number, max_in_flight: number): void {
    const blamed = outcome.kind === 'failure' && outcome.blames_receiver && !outcome.is_gone
    if (blamed) this.failing_since ??= now
    if (position === this.probe) {
      this.probe = null
      if (outcome.kind === 'success') this.climb(this.openings)
      else if (blamed) this.open(now, outcome.retry_after_ms)
      else this.openUntil(now + PROBE_AGAIN_MS, now + PROBE_AGAIN_MS)
    } else if (this.mode === 'closed') {
      if (outcome.kind === 'success') this.onSuccess(max_in_flight)
      else if (blamed) this.onFailure(now, outcome.retry_after_ms)
    }
  }

  /** By hand: one that lets everything through only forgets. */
  reset(): void {
    const lets_all_through = this.mode === 'closed' && this.ramp === Number.POSITIVE_INFINITY
    this.startSlowly()
    if (lets_all_through) this.ramp = Number.POSITIVE_INFINITY
  }

  /** Enabled, or reset while it held something back. */
  startSlowly(): void {
    this.probe = null
    this.climb(0)
  }

  compare({ breaker, in_flight }: EndpointState): void {
    if (breaker.state !== this.mode)
      throw new Violation(`the breaker is ${breaker.state} where it should be ${this.mode}`)
    if (breaker.state === 'open') {
      const until = breaker.open_until ?? Number.NaN
      if (!(until >= this.open_from && until <= this.open_to))
        throw new Violation('the breaker is open for a wrong time')
    }
    if (breaker.state === 'half_open' && this.probe !== null && !in_flight.has(this.probe)) {
      throw new Violation('the breaker waits for a probe that is not out')
    }
    if (breaker.failing_since !== this.failing_since)
      throw new Violation('it is wrong about how long it has been failing')
  }

  private onSuccess(max_in_flight: number): void {
    this.failing_since = null
    this.streak = 0
    this.remember(false)
    this.ramp *= 2
    if (this.ramp < max_in_flight) return
    if (this.ramp !== Number.POSITIVE_INFINITY) this.openings = 0
    this.ramp = Number.POSITIVE_INFINITY
  }

  private onFailure(now: number, retry_after_ms: number | null): void {
    this.streak++
    this.remember(true)
    const failed = this.last_outcomes.filter(Boolean).length
    if (this.streak >= 5 || (this.last_outcomes.length === 20 && failed >= 10)) this.open(now, retry_after_ms)
  }

  private open(now: number, retry_after_ms: number | null): void {
    const open_ms = Math.min(30 * SECOND * 2 ** this.openings, HOUR)
    const asked = now + (retry_after_ms ?? 0)
    this.openings++
    this.ramp = Number.POSITIVE_INFINITY
    this.last_outcomes = []
    this.openUntil(Math.max(now + open_ms * (1 - JITTER), asked), Math.max(now + open_ms * (1 + JITTER), asked))
  }

  private openUntil(from: number, to: number): void {
    this.mode = 'open'
    this.open_from = Math.floor(from)
    this.open_to = Math.ceil(to)
  }

  private climb(openings: number): void {
    this.mode = 'closed'
    this.streak = 0
    this.last_outcomes = []
    this.openings = openings
    this.ramp = 1
    this.failing_since = null
  }

  private remember(failed: boolean): void {
    this.last_outcomes.push(failed)
    if (this.last_outcomes.length > 20) this.last_outcomes.shift()
  }
}
