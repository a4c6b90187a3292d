import type { RequestPoint } from '../data-points.ts'
import { PROBLEMS, type ProblemCode } from '../http/problems.ts'
import type { Result } from '../lib/result.ts'

/** How a request to a source ended that brought no event, or an event as it was taken. */
export type Ending =
  | { kind: 'answered'; status: number }
  | { kind: 'not_believed'; reason: string; status: number }
  | {
      kind: 'event'
      result: Result<
        { event_type: string; is_duplicate: boolean; deliveries: number; answer: { status: number } },
        { code: ProblemCode }
      >
    }

/** The data point of a request to a source. */
export function toIngestPoint(
  source: { tenant_id: string; id: string },
  route: string,
  duration_ms: number,
  ending: Ending,
): RequestPoint {
  const { tenant_id, id: source_id } = source
  const at = { kind: 'ingest' as const, tenant_id, source_id, route, count: 1, duration_ms }
  const nothing = { ...at, event_type: '', deliveries: 0 }
  switch (ending.kind) {
    case 'answered':
      return { ...nothing, outcome: 'answered', status: ending.status }
    case 'not_believed':
      return { ...nothing, outcome: ending.reason, status: ending.status }
    case 'event': {
      if (!ending.result.ok) {
        const { code } = ending.result.error
        return { ...nothing, outcome: code, status: PROBLEMS[code].status }
      }
      const { event_type, is_duplicate, deliveries, answer } = ending.result.value
      const taken = { event_type, deliveries: is_duplicate ? 0 : deliveries, status: answer.status }
      return { ...at, ...taken, outcome: is_duplicate ? 'duplicate' : 'accepted' }
    }
  }
}
