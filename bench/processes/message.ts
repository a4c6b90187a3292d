/** What the load generator writes into a message and the sink reads out of it, without parsing JSON. */

// All numbers have a fixed width, so that every request of a run has the same length.
const RUN_DIGITS = 4
const NUMBER_DIGITS = 8
const TIME_DIGITS = 16

const MARK = Buffer.from('"bench":"')

/** Nanosecond clock that all processes of a machine share, in milliseconds. */
export function clock(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** Goes into `data`: which run, which message of it, and when it was sent. */
export function mark(run: number, number: number, sent_at: number): string {
  const time_us = Math.round(sent_at * 1000)
  return `"bench":"${digits(run, RUN_DIGITS)}.${digits(number, NUMBER_DIGITS)}.${digits(time_us, TIME_DIGITS)}"`
}

export interface Mark {
  run: number
  number: number
  /** By {@link clock}. */
  sent_at: number
}

export function readMark(body: Buffer): Mark | null {
  const at = body.indexOf(MARK)
  if (at < 0) return null
  const [run, number, time_us] = body
    .toString('latin1', at + MARK.length, at + MARK.length + RUN_DIGITS + NUMBER_DIGITS + TIME_DIGITS + 2)
    .split('.')
    .map(Number)
  if (run === undefined || number === undefined || time_us === undefined) return null
  return { run, number, sent_at: time_us / 1000 }
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, '0')
}
