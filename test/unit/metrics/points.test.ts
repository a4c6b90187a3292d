/** What Analytics Engine is told, column by column: dashboards know them by their position. */
import { describe, expect, it } from 'vitest'
import { toDataPoint } from '../../../src/data-points.ts'
import { problem } from '../../../src/http/problems.ts'
import { err, ok } from '../../../src/lib/result.ts'
import { toIngestPoint } from '../../../src/metrics/ingest-point.ts'
import { toPublishedPoints } from '../../../src/metrics/published-points.ts'

const at = { tenant_id: 'acme', route: 'POST /v1/x', duration_ms: 12 }
const accepted = (deliveries: number) => ok({ is_duplicate: false, deliveries: Array(deliveries).fill({}) })
const source = { tenant_id: 'acme', id: 'src_1' }

it('has its columns where the guide says that they are', () => {
  const [point] = toPublishedPoints(at, [{ event_type: 'a.b', result: accepted(2) }])
  expect(point && toDataPoint(point)).toEqual({
    indexes: ['acme'],
    blobs: ['publish', 'a.b', 'accepted', 'POST /v1/x', ''],
    doubles: [1, 12, 202, 2],
  })
})

describe('a batch', () => {
  it('is one point for each type and outcome, which counts its messages and their deliveries', () => {
    const points = toPublishedPoints(at, [
      { event_type: 'a', result: accepted(2) },
      { event_type: 'a', result: accepted(3) },
      { event_type: 'b', result: accepted(1) },
      { event_type: 'a', result: err(problem('payload_too_large', 'x')) },
    ])
    expect(
      points.map(({ event_type, outcome, count, deliveries }) => [event_type, outcome, count, deliveries]),
    ).toEqual([
      ['a', 'accepted', 2, 5],
      ['b', 'accepted', 1, 1],
      ['a', 'payload_too_large', 1, 0],
    ])
  })

  it('counts a duplicate as one, with no delivery that was not counted before', () => {
    const result = ok({ is_duplicate: true, deliveries: [{}, {}] })
    expect(toPublishedPoints(at, [{ event_type: 'a', result }])).toMatchObject([
      { outcome: 'duplicate', count: 1, deliveries: 0 },
    ])
  })
})

describe('a request to a source', () => {
  it('is told by what became of its event', () => {
    const taken = { event_type: 'x.y', is_duplicate: false, deliveries: 3, answer: { status: 204 } }
    expect(toIngestPoint(source, 'POST /in/:source', 5, { kind: 'event', result: ok(taken) })).toMatchObject({
      kind: 'ingest',
      tenant_id: 'acme',
      source_id: 'src_1',
      event_type: 'x.y',
      outcome: 'accepted',
      deliveries: 3,
      status: 204,
    })
  })

  it('is told by the reason why it was not believed, which its caller never hears', () => {
    const ending = { kind: 'not_believed', reason: 'signature_mismatch', status: 401 } as const
    expect(toIngestPoint(source, 'r', 5, ending)).toMatchObject({ outcome: 'signature_mismatch', status: 401 })
  })

  it('is told by the code of the problem that kept its event out', () => {
    const ending = { kind: 'event', result: err(problem('rate_limited', 'x')) } as const
    expect(toIngestPoint(source, 'r', 5, ending)).toMatchObject({ outcome: 'rate_limited', status: 429 })
  })

  it('is no event when it asked whether somebody is there', () => {
    expect(toIngestPoint(source, 'r', 5, { kind: 'answered', status: 200 })).toMatchObject({
      outcome: 'answered',
      event_type: '',
    })
  })
})
