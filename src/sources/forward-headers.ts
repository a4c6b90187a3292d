import { isReservedHeader, ORIGINAL_PREFIX } from '../lib/header-rules.ts'

/** Of all that is forwarded: a row holds it, and a receiver takes no more. */
const LENGTH_MAX = 8 * 1024

/** What a header may be made of to be sent on. */
const SENDABLE = /^[\x20-\x7e]*$/

/** Says which source it was. */
export const SOURCE_HEADER = 'postern-source'

/**
 * Counts how often an event went from a source to an endpoint that is a source again. Of Postern's own, so that nobody else
 * passes it on.
 */
export const HOPS_HEADER = 'postern-hops'

/**
 * The headers that receivers get of an event. A name that Postern uses itself (`webhook-signature`) is put behind
 * `postern-original-`.
 * @param names lower case; one that ends in `*` stands for all that begin so
 */
export function forwardHeaders(headers: Headers, names: readonly string[]): Record<string, string> {
  const forwarded: Record<string, string> = {}
  let length = 0
  for (const [name, value] of headers) {
    if (!isNamed(name, names) || !SENDABLE.test(value)) continue
    length += name.length + value.length
    if (length > LENGTH_MAX) break
    forwarded[isReservedHeader(name) ? `${ORIGINAL_PREFIX}${name}` : name] = value
  }
  return forwarded
}

function isNamed(name: string, names: readonly string[]): boolean {
  return names.some((wanted) => (wanted.endsWith('*') ? name.startsWith(wanted.slice(0, -1)) : name === wanted))
}
