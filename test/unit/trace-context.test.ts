/** W3C Trace Context, clause by clause; what the specification leaves to nobody is compared with OpenTelemetry's parser. */

import { defaultTextMapGetter, ROOT_CONTEXT, trace as traces } from '@opentelemetry/api'
import { parseTraceParent, TraceState, W3CTraceContextPropagator } from '@opentelemetry/core'
import { describe, expect, it } from 'vitest'
import {
  childOf,
  keptTrace,
  receiveTrace,
  storedTraceId,
  traceHeaders,
  withoutTrace,
} from '../../src/lib/trace-context.ts'

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN_ID = '00f067aa0ba902b7'
const PARENT = `00-${TRACE_ID}-${SPAN_ID}-01`

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
const received = (headers: Record<string, string>) => receiveTrace(new Headers(headers), random)
const stateOf = (tracestate: string) => received({ traceparent: PARENT, tracestate }).state

describe('a traceparent that holds', () => {
  it('is the trace that goes on, in a span of its own', () => {
    const trace = received({ traceparent: PARENT })
    expect(trace).toMatchObject({ trace_id: TRACE_ID, flags: 1, state: null })
    expect(trace.span_id).toMatch(/^[0-9a-f]{16}$/)
    expect(trace.span_id).not.toBe(SPAN_ID)
  })

  it.each([
    ['sampled', '01', '01'],
    ['not sampled', '00', '00'],
    ['with a random id, as Level 2 has it', '03', '03'],
    ['with flags that nobody knows, which are cleared', 'ff', '03'],
  ])('keeps its flags: %s', (_what, given, expected) => {
    const trace = received({ traceparent: `00-${TRACE_ID}-${SPAN_ID}-${given}` })
    expect(traceHeaders(trace).traceparent).toMatch(new RegExp(`-${expected}$`))
  })

  it.each([
    ['and no more', `cc-${TRACE_ID}-${SPAN_ID}-01`],
    ['and more behind a dash', `cc-${TRACE_ID}-${SPAN_ID}-01-what-the-future-brings`],
  ])('may be of a later version, of which what is known is read: %s', (_what, traceparent) => {
    const trace = received({ traceparent })
    expect(trace.trace_id).toBe(TRACE_ID)
    expect(traceHeaders(trace).traceparent).toMatch(/^00-/)
  })
})

const MALFORMED: [string, string][] = [
  ['nothing', ''],
  ['a word', 'trace'],
  ['the version that is none', `ff-${TRACE_ID}-${SPAN_ID}-01`],
  ['more than version 00 has', `${PARENT}-more`],
  ['a later version with more that has no dash', `cc-${TRACE_ID}-${SPAN_ID}-01.more`],
  ['capitals', `00-${TRACE_ID.toUpperCase()}-${SPAN_ID}-01`],
  ['a trace id of zeros', `00-${'0'.repeat(32)}-${SPAN_ID}-01`],
  ['a span id of zeros', `00-${TRACE_ID}-${'0'.repeat(16)}-01`],
  ['a short trace id', `00-${TRACE_ID.slice(1)}-${SPAN_ID}-01`],
  ['a long span id', `00-${TRACE_ID}-${SPAN_ID}0-01`],
  ['no flags', `00-${TRACE_ID}-${SPAN_ID}`],
  ['flags of one digit', `00-${TRACE_ID}-${SPAN_ID}-1`],
  ['a sign that is no digit', `00-${TRACE_ID.slice(1)}g-${SPAN_ID}-01`],
  ['two of them', `${PARENT}, ${PARENT}`],
]

describe('a traceparent that does not hold is ignored, with its tracestate, and another trace is begun', () => {
  it.each(MALFORMED)('%s', (_what, traceparent) => {
    const trace = received({ traceparent, tracestate: 'congo=t61rcWkgMzE' })
    expect(trace.trace_id).toMatch(/^[0-9a-f]{32}$/)
    expect(trace.trace_id).not.toBe(TRACE_ID)
    expect(trace).toMatchObject({ flags: 3, state: null })
  })

  it('and so is none at all', () => {
    expect(received({}).trace_id).not.toBe(received({}).trace_id)
  })

  it('with ids that are no zeros, even if chance says so', () => {
    const zeros = (length: number) => new Uint8Array(length)
    const { traceparent = '' } = traceHeaders(receiveTrace(new Headers(), zeros))
    expect(parseTraceParent(traceparent)).not.toBeNull()
  })
})

describe('a tracestate', () => {
  it.each([
    'congo=t61rcWkgMzE',
    'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE',
    'fw529a3039@dt=FfAAAAAB,1a-2b*3/4_5=x y',
    `${'k'.repeat(256)}=v`,
  ])('is handed on as it came: %s', (tracestate) => {
    expect(stateOf(tracestate)).toBe(tracestate)
  })

  it('loses empty members and the spaces between', () => {
    expect(stateOf('a=1 , ,\tb=2,')).toBe('a=1,b=2')
  })

  it('of several headers is one list', () => {
    const headers = new Headers({ traceparent: PARENT })
    headers.append('tracestate', 'a=1')
    headers.append('tracestate', 'b=2')
    expect(receiveTrace(headers, random).state).toBe('a=1,b=2')
  })

  it.each([
    ['a member without a value', 'a'],
    ['a value that is empty', 'a='],
    ['a key in capitals', 'A=1'],
    ['a key that is too long', `${'k'.repeat(257)}=v`],
    ['a second =', 'a=1=2'],
    ['a key twice', 'a=1,b=2,a=3'],
    ['more than 32 members', Array.from({ length: 33 }, (_, n) => `k${n}=v`).join(',')],
    ['a sign that is no ASCII', 'a=ü'],
  ])('that is none is dropped, and the trace goes on: %s', (_what, tracestate) => {
    expect(received({ traceparent: PARENT, tracestate })).toMatchObject({ trace_id: TRACE_ID, state: null })
  })

  it('that is too long loses its long members first, then the last, and never a part of one', () => {
    const long = `long=${'x'.repeat(200)}`
    const short = Array.from({ length: 6 }, (_, n) => `k${n}=${'v'.repeat(96)}`)
    expect(stateOf([long, ...short].join(','))).toBe(short.slice(0, 5).join(','))
  })
})

describe('for OpenTelemetry', () => {
  it.each([PARENT, ...MALFORMED.map(([, traceparent]) => traceparent)])(
    'the same hold and do not: %s',
    (traceparent) => {
      expect(received({ traceparent }).trace_id === TRACE_ID).toBe(parseTraceParent(traceparent) !== null)
    },
  )

  it('what is sent is a remote parent, of the caller’s trace and state, whose span is new with each step', () => {
    const trace = received({ traceparent: PARENT, tracestate: 'rojo=1,congo=t61rcWkgMzE' })
    const steps = [trace, childOf(trace, random), childOf(trace, random)]
    const seen = steps.map((step) => {
      const context = new W3CTraceContextPropagator().extract(ROOT_CONTEXT, traceHeaders(step), defaultTextMapGetter)
      return traces.getSpanContext(context)
    })
    for (const span of seen) {
      expect(span).toMatchObject({ traceId: TRACE_ID, traceFlags: 1, isRemote: true })
      expect(span?.traceState?.serialize()).toBe(new TraceState('rojo=1,congo=t61rcWkgMzE').serialize())
    }
    expect(new Set(seen.map((span) => span?.spanId)).size).toBe(3)
  })
})

describe('headers that are kept', () => {
  it('give the trace back that was written into them', () => {
    const trace = received({ traceparent: PARENT, tracestate: 'a=1' })
    expect(keptTrace({ 'x-github-event': 'push', ...traceHeaders(trace) })).toEqual(trace)
    expect(keptTrace({ 'x-github-event': 'push' })).toBeNull()
  })

  it('name their trace to the log, which asks no more of them', () => {
    const trace = received({ traceparent: PARENT })
    expect(storedTraceId(JSON.stringify(traceHeaders(trace)))).toBe(TRACE_ID)
    for (const nothing of ['{}', 'null', '[]', 'not JSON']) expect(storedTraceId(nothing)).toBeUndefined()
  })

  it('show expressions only what the message says', () => {
    expect(withoutTrace({ 'x-github-event': 'push', ...traceHeaders(received({})), tracestate: 'a=1' })).toEqual({
      'x-github-event': 'push',
    })
  })
})
