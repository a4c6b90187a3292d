/** What to do with an error that nobody waits for: one line here, wherever it was caught. */
import type { Bindings } from './env.ts'
import { type Fields, log } from './lib/log.ts'
import { isOutage } from './lib/outage.ts'
import { Tally } from './lib/tally.ts'
import type { Trace } from './lib/trace-context.ts'
import { sendToSentry } from './sentry.ts'

/** What a report needs of where it is made; `Deps` has it. */
export interface Reporting {
  env: Pick<Bindings, 'SENTRY_DSN' | 'ENVIRONMENT' | 'VERSION'>
  /** Lets work go on after the answer has left. */
  waitUntil: (work: Promise<unknown>) => void
  /** What it is made on behalf of, where that is one request or message. */
  trace?: Pick<Trace, 'trace_id'> | null
}

/** {@link report}, where it is made. */
export type Report = (message: string, error: unknown, fields?: Fields) => void

/** Lines a minute of each name: an outage fails everything at once, and its hundredth line says no more than its first. */
const outages = new Tally(20)
const mistakes = new Tally(50)

/** One that is thrown on is caught again, and is one mistake still. */
const reported = new WeakSet<object>()

/**
 * Logs what failed. A part that did not answer is a warning. Anything else is a mistake of ours: an error, with its
 * stack, which Sentry hears of too. Both are written as often as a minute can bear, and counted beyond that. Never throws.
 * @param message stable dotted name for the log, `projection.failed`
 * @param fields names, ids and counts; they are redacted
 */
export function report(at: Reporting, message: string, error: unknown, fields: Fields = {}): void {
  const traced = at.trace ? { trace_id: at.trace.trace_id, ...fields } : fields
  if (write(message, error, traced)) sendToSentry(at, message, error, traced)
}

/**
 * The same, by an object that ends with it, and whatever it was about to send too: its event waits in this isolate
 * for whoever comes next, which is most often the object that begins again.
 */
export const reportAtEnd: Report = (message, error, fields = {}) => {
  if (write(message, error, fields) && left.length < LEFT_MAX) left.push({ message, error, fields })
}

/** Sends what ended objects have left. */
export function reportLeft(at: Reporting): void {
  for (const { message, error, fields } of left.splice(0)) sendToSentry(at, message, error, fields)
}

/** More than the budget of a minute has room for would not be sent anyway. */
const LEFT_MAX = 10

const left: { message: string; error: unknown; fields: Fields }[] = []

/** One line, if it is one that is written. Answers whether it is about a mistake that is new. */
function write(message: string, error: unknown, fields: Fields): boolean {
  const is_mistake = !isOutage(error) && isNew(error)
  const times = (is_mistake ? mistakes : outages).count(message, Date.now())
  // A count of one says nothing.
  if (times !== null) log(is_mistake ? 'error' : 'warn', message, { ...fields, error, ...(times > 1 && { times }) })
  return is_mistake
}

function isNew(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return true
  if (reported.has(error)) return false
  reported.add(error)
  return true
}
