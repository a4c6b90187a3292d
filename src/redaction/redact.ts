/** What of a message, and of what others say of it, may be shown. Pure: the pointers come in. */
import type { Pointer } from '../lib/json-pointer.ts'
import { REDACTED, redactJson } from '../lib/redact-json.ts'
import { hasTrace, type Traces, tracesOf } from './traces.ts'

export interface Content {
  format: 'event' | 'raw'
  content_type: string
  /** The body that receivers get. */
  text: string
}

export interface Redacted {
  text: string
  /** Null when what was hidden is not known, so that everything may be a trace of it. */
  traces: Traces | null
}

const NO_TRACES: Traces = { runs: new Set(), wholes: new Set(), marks: new Set() }
const HIDDEN: Redacted = { text: REDACTED, traces: null }
/** RFC 6839, section 3.1, for the suffix. */
const JSON_TYPE = /^application\/(?:[a-z0-9!#$&^_.-]+\+)?json[ \t]*(?:;|$)/i

/**
 * A body without the values to which the pointers lead: in `data` of an event, in the whole of a raw body.
 * One that is not JSON cannot be looked into, and is hidden as a whole. Never throws.
 */
export function redactContent({ format, content_type, text }: Content, pointers: readonly Pointer[]): Redacted {
  if (pointers.length === 0) return { text, traces: NO_TRACES }
  if (format === 'raw' && !JSON_TYPE.test(content_type)) return HIDDEN
  const inside = format === 'raw' ? pointers : pointers.map((pointer) => ['data', ...pointer])
  const redacted = redactJson(text, inside)
  return redacted === null ? HIDDEN : { text: redacted.text, traces: tracesOf(redacted.removed) }
}

/** Somebody else's text about a message, unless it has a trace of what is hidden. */
export function redactText(text: string, traces: Traces | null): string {
  if (text === '') return text
  return traces === null || hasTrace(text, traces) ? REDACTED : text
}

/** The same of each value. */
export function redactValues(record: Record<string, string>, traces: Traces | null): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, redactText(value, traces)]))
}
