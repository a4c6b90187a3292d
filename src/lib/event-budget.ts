const PERIOD_MS = 60_000

/** Events a minute from one isolate, and of them those of one name: an outage must not send a million, nor one mistake hide the others. */
const EVENTS_MAX = 20
const EVENTS_OF_A_NAME_MAX = 5

/** How long nothing is sent after it could not be: who hangs must not be waited for again and again. */
const PAUSE_MS = 30_000

/** How many events one isolate may send to a service that counts, and may be down. */
export class EventBudget {
  private started_at = 0
  private sent = new Map<string, number>()
  private sent_count = 0
  private unsent = 0
  private paused_until = 0

  /**
   * Asks to send one.
   * @param name events of one name share a part of the budget
   * @param now Unix milliseconds
   * @returns how many were not sent since the last one that was; null when this is not to be sent either
   */
  take(name: string, now: number): number | null {
    if (now - this.started_at >= PERIOD_MS) {
      this.started_at = now
      this.sent = new Map()
      this.sent_count = 0
    }
    const sent_of_name = this.sent.get(name) ?? 0
    if (now < this.paused_until || this.sent_count >= EVENTS_MAX || sent_of_name >= EVENTS_OF_A_NAME_MAX) {
      this.unsent++
      return null
    }
    this.sent.set(name, sent_of_name + 1)
    this.sent_count++
    const { unsent } = this
    this.unsent = 0
    return unsent
  }

  /** It could not be sent. */
  pause(now: number): void {
    this.paused_until = now + PAUSE_MS
  }
}
