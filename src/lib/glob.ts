/** Event types are dotted names; a subscription names them with `*` for whole segments. */

const LENGTH_MAX = 128
const TYPE = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/
const PATTERN = /^(\*|[A-Za-z0-9_-]+)(\.(\*|[A-Za-z0-9_-]+))*$/

/** True for a dotted name of at most 128 characters: `invoice.paid`. */
export function isEventType(text: string): boolean {
  return text.length <= LENGTH_MAX && TYPE.test(text)
}

/** True for an event type in which `*` may take the place of whole segments: `invoice.*`, `*`. */
export function isEventTypePattern(text: string): boolean {
  return text.length <= LENGTH_MAX && PATTERN.test(text)
}

/**
 * Whether a pattern covers an event type. `*` stands for one segment, at the end for one or more:
 * `invoice.*` matches `invoice.paid` and `invoice.line.added`, not `invoice`; `*` matches everything.
 */
export function matchesEventType(pattern: string, event_type: string): boolean {
  if (pattern === '*' || pattern === event_type) return true
  // Of a tenant with hundreds of endpoints, nearly all end here.
  if (!pattern.includes('*')) return false
  const wanted = pattern.split('.')
  const given = event_type.split('.')
  const is_open = wanted.at(-1) === '*'
  if (is_open ? given.length < wanted.length : given.length !== wanted.length) return false
  return wanted.every((segment, i) => segment === '*' || segment === given[i])
}
