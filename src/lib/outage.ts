/** Which failures are somebody else's: a part that does not answer, for which something stands in. All others are mistakes of ours. */

/** A part did not answer, in our own words. */
export class Outage extends Error {}

/** Statements that D1 could read and would not run, and values that it does not take: no waiting mends them. */
const OUR_SQL = /SQLITE_(?:ERROR|CONSTRAINT|MISMATCH|RANGE|TOOBIG)/

/** In the platform's words: https://developers.cloudflare.com/queues/, r2/api/error-codes/, durable-objects/best-practices/error-handling/. */
const OUTAGES: readonly RegExp[] = [
  /^D1_(?:EXEC_)?ERROR: /,
  /^D1 DB /,
  /^Queue send(?:Batch)? failed: (?!Bad Request|Payload Too Large)/i,
  // R2: internal error, service unavailable, connection closed, too many requests.
  /^(?:get|put|delete|list|head): .*\((?:10001|10043|10054|10058)\)$/,
  /^Network connection lost\b/,
  /^internal error\b/i,
  /\b(?:overloaded|timed out|exceeded timeout)\b/i,
]

/** Marks of what the platform throws for a Durable Object that was restarted, moved or asked too much. */
const MARKS = ['retryable', 'overloaded', 'durableObjectReset'] as const

const CAUSES_MAX = 5

/**
 * Whether this says that a part was not there just now: D1, a queue, R2, an Endpoint that restarts.
 * What nobody has foreseen is none.
 */
export function isOutage(error: unknown): boolean {
  let link = error
  for (let depth = 0; link instanceof Error && depth < CAUSES_MAX; depth++, link = link.cause) {
    if (OUR_SQL.test(link.message)) return false
    if (link instanceof Outage || link.name === 'TimeoutError') return true
    const marked = link as Partial<Record<(typeof MARKS)[number], unknown>>
    if (MARKS.some((mark) => marked[mark] === true)) return true
    const { message } = link
    if (OUTAGES.some((words) => words.test(message))) return true
  }
  return false
}
