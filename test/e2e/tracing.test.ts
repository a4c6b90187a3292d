/** One message, found by its trace in the receiver's tools, in the API and in the log. */
import { readFile } from 'node:fs/promises'
import { parseTraceParent } from '@opentelemetry/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { Tenant, usePostern, waitFor } from './harness.ts'

const shared = usePostern()

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const CALLER = '00f067aa0ba902b7'

interface Line {
  level: string
  message: string
  trace_id?: string
  span_id?: string
  [field: string]: unknown
}

/** What a search for a trace finds. */
async function linesOf(trace_id: string): Promise<Line[]> {
  const lines = (await readFile(shared.gateway.log_file, 'utf8')).split('\n')
  return lines.filter((line) => line.includes(trace_id)).map((line) => JSON.parse(line.slice(line.indexOf('{'))))
}

describe('a message whose first attempt fails', () => {
  beforeAll(async () => {
    await shared.gateway.kill()
    await shared.gateway.restart({ LOG_LEVEL: 'debug' })
  })

  it('is one trace: of the publish, of both attempts, and of every line that is about it', async () => {
    const { gateway, receiver } = shared
    const tenant = await Tenant.create(gateway.operator, 'traced')
    await tenant.endpoint(receiver, '/traced', { retry_delays_s: [1] })
    receiver.become('/traced', { kind: 'choosy', status: (_arrival, times) => (times === 1 ? 500 : 200), delay_ms: 0 })
    const { body } = await tenant.publish(
      { type: 'invoice.paid', data: { amount: 42 } },
      { traceparent: `00-${TRACE_ID}-${CALLER}-01`, tracestate: 'congo=t61rcWkgMzE', 'x-request-id': 'publish-it' },
    )
    await waitFor(() => receiver.accepted('/traced').length === 1, { limit_ms: 20_000, what: 'The retry' })

    const arrivals = receiver.arrivals('/traced')
    const spans = arrivals.map(({ headers }) => parseTraceParent(headers.traceparent ?? ''))
    expect(spans).toMatchObject([
      { traceId: TRACE_ID, traceFlags: 1 },
      { traceId: TRACE_ID, traceFlags: 1 },
    ])
    expect(arrivals.map(({ headers }) => headers.tracestate)).toEqual(['congo=t61rcWkgMzE', 'congo=t61rcWkgMzE'])
    const span_ids = spans.map((span) => span?.spanId)
    expect(new Set([CALLER, ...span_ids]).size).toBe(3)

    const lines = await waitFor(
      async () => {
        const found = await linesOf(TRACE_ID)
        return found.length >= 3 && found
      },
      { limit_ms: 5000, what: 'The lines of the trace' },
    )
    const named = (name: string) => lines.filter(({ message }) => message === name)
    expect(named('request.answered')).toMatchObject([
      { level: 'debug', trace_id: TRACE_ID, request_id: 'publish-it', tenant_id: 'traced', status: 202 },
    ])
    const message_id = 'id' in body ? body.id : null
    expect(named('attempt.ended')).toMatchObject([
      { level: 'debug', trace_id: TRACE_ID, span_id: span_ids[0], message_id, number: 1, status: 500 },
      { level: 'debug', trace_id: TRACE_ID, span_id: span_ids[1], message_id, number: 2, status: 200 },
    ])
  })
})
