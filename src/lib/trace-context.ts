/**
 * W3C Trace Context (https://www.w3.org/TR/trace-context/): by which one message is the same thing in the tools of its
 * publisher, in the log here, and in the tools of whoever receives it.
 */
import { toHex } from './hash.ts'
import type { RandomBytes } from './ids.ts'

/** Where something happens within a trace. What follows from it is a child of its span. */
export interface Trace {
  /** 32 hexadecimal digits. */
  trace_id: string
  /** 16 hexadecimal digits. */
  span_id: string
  flags: number
  /** `tracestate` of whoever began the trace, for those who understand it; null when there is none. */
  state: string | null
}

export const TRACEPARENT = 'traceparent'
const TRACESTATE = 'tracestate'

/** Section 3.2.2. What a later version adds stands behind another dash. */
const TRACEPARENT_VALUE = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)

/** Sampled, and "the trace id is random". Whoever does not know the others must clear them. */
const KNOWN_FLAGS = 0b11
/** Of a trace that begins here: random, and its attempts are recorded. */
const BEGUN_FLAGS = 0b11

/** Section 3.3.1.3; the digits with which a system's own id may begin come with Level 2. */
const STATE_KEY = /^[a-z0-9][a-z0-9_*/-]{0,255}$|^[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13}$/
const STATE_VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/
const STATE_MEMBERS_MAX = 32
/** What everybody must hand on at least (section 3.3.1.5), and what a row of a delivery is made longer by at most. */
const STATE_LENGTH_MAX = 512
/** Leave first when there is too much. */
const LONG_STATE_MEMBER = 128

/**
 * The trace that a request belongs to, and a span of it for what the request does here. What is malformed is ignored, and a
 * new trace begun; then its `tracestate` says nothing either.
 */
export function receiveTrace(headers: Pick<Headers, 'get'>, random: RandomBytes): Trace {
  const caller = readTraceparent(headers.get(TRACEPARENT))
  if (caller === null) {
    return { trace_id: newId(16, random), span_id: newId(8, random), flags: BEGUN_FLAGS, state: null }
  }
  return { ...caller, span_id: newId(8, random), state: readState(headers.get(TRACESTATE)) }
}

/** As it is written for whoever is called next, and as it is kept. */
export function traceHeaders({ trace_id, span_id, flags, state }: Trace): Record<string, string> {
  const traceparent = `00-${trace_id}-${span_id}-${flags.toString(16).padStart(2, '0')}`
  return { [TRACEPARENT]: traceparent, ...(state !== null && { [TRACESTATE]: state }) }
}

/** The trace that headers hold which {@link traceHeaders} has written; null when they hold none. */
export function keptTrace(headers: Readonly<Record<string, string>>): Trace | null {
  const kept = readTraceparent(headers[TRACEPARENT] ?? null)
  return kept && { ...kept, state: headers[TRACESTATE] ?? null }
}

/** The same of headers as a row has them: for the log, which must not fail over what it is to tell of. */
export function storedTraceId(headers: string): string | undefined {
  try {
    return keptTrace(JSON.parse(headers))?.trace_id
  } catch {
    return undefined
  }
}

/** The same trace, one step on. */
export function childOf(trace: Trace, random: RandomBytes): Trace {
  return { ...trace, span_id: newId(8, random) }
}

/** Headers without the place in a trace: what a message says, and not how it came. */
export function withoutTrace(headers: Readonly<Record<string, string>>): Record<string, string> {
  const { [TRACEPARENT]: _parent, [TRACESTATE]: _state, ...rest } = headers
  return rest
}

function readTraceparent(value: string | null): Omit<Trace, 'state'> | null {
  const [, version = 'ff', trace_id = NO_TRACE, span_id = NO_SPAN, flags = '', later] =
    TRACEPARENT_VALUE.exec(value ?? '') ?? []
  if (version === 'ff' || (version === '00' && later !== undefined)) return null
  if (trace_id === NO_TRACE || span_id === NO_SPAN) return null
  return { trace_id, span_id, flags: Number.parseInt(flags, 16) & KNOWN_FLAGS }
}

/** A list that is not one is dropped as a whole, and the trace goes on without it. */
function readState(value: string | null): string | null {
  const members = (value ?? '').split(',').flatMap((member) => member.replace(/^[ \t]+|[ \t]+$/g, '') || [])
  if (members.length === 0 || members.length > STATE_MEMBERS_MAX) return null
  const keys = new Set<string>()
  for (const member of members) {
    const [key = '', text = ''] = splitAt(member, member.indexOf('='))
    if (!STATE_KEY.test(key) || !STATE_VALUE.test(text) || keys.has(key)) return null
    keys.add(key)
  }
  return shorten(members)
}

function splitAt(text: string, index: number): string[] {
  return index < 0 ? [] : [text.slice(0, index), text.slice(index + 1)]
}

/** Whole members only: long ones go first, then those that were put there longest ago, at the end. */
function shorten(members: readonly string[]): string | null {
  let kept = [...members]
  const isTooLong = () => kept.join(',').length > STATE_LENGTH_MAX
  if (isTooLong()) kept = kept.filter(({ length }) => length <= LONG_STATE_MEMBER)
  while (isTooLong()) kept.pop()
  return kept.length === 0 ? null : kept.join(',')
}

/** All zeros would be no id. */
function newId(length: number, random: RandomBytes): string {
  const bytes = random(length)
  if (bytes.every((byte) => byte === 0)) bytes[length - 1] = 1
  return toHex(bytes)
}
