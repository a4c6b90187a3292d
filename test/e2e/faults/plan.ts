/** What a test may ask of the faulty platform. */

/** Marks that the platform sets on what a Durable Object call throws. */
interface Marks {
  retryable?: boolean
  overloaded?: boolean
}

interface Told {
  /** As the platform words it, because the code under test reads some of it. */
  message: string
  marks?: Marks
}

export type Fault = (
  | ({ kind: 'throws' } & Told)
  /** Takes effect, then throws: the caller cannot know. */
  | ({ kind: 'loses_answer' } & Told)
  /** Takes effect late; at once when the fault is lifted before. */
  | { kind: 'slow'; delay_ms: number }
) & {
  /** How many calls it strikes, then it is over; all of them unless given. */
  times?: number
}

/** By what it strikes: a binding (`DB`), or one method of it (`ENDPOINT.enqueue`). */
export type FaultPlan = Record<string, Fault>

/** How many calls each fault has struck since the plan was set. */
export type Strikes = Record<string, number>

/** Where the faulty Worker takes its plan (PUT) and says what has struck (GET). Not a route of Postern. */
export const CONTROL_PATH = '/__faults'

/** Where the faulty Worker runs a job at once (`?cron=…`), as its cron would. */
export const CRON_PATH = '/__cron'
