/** The data points of a publish. */

import type { RequestPoint } from '../data-points.ts'
import { PROBLEMS, type ProblemCode } from '../http/problems.ts'
import type { Result } from '../lib/result.ts'

/** What became of one message. */
interface Concluded {
  event_type: string
  result: Result<{ is_duplicate: boolean; deliveries: readonly unknown[] }, { code: ProblemCode }>
}

/**
 * One point for each type and outcome among the messages of a request. A batch of a hundred is a few points:
 * an invocation may write a bounded number of them.
 */
export function toPublishedPoints(
  at: Pick<RequestPoint, 'tenant_id' | 'route' | 'duration_ms'>,
  concluded: readonly Concluded[],
): RequestPoint[] {
  const points = new Map<string, RequestPoint>()
  for (const { event_type, result } of concluded) {
    const outcome = result.ok ? (result.value.is_duplicate ? 'duplicate' : 'accepted') : result.error.code
    const name = JSON.stringify([event_type, outcome])
    const point = points.get(name) ?? {
      ...at,
      kind: 'publish',
      event_type,
      outcome,
      source_id: '',
      count: 0,
      status: result.ok ? 202 : PROBLEMS[result.error.code].status,
      deliveries: 0,
    }
    const deliveries = result.ok && !result.value.is_duplicate ? result.value.deliveries.length : 0
    points.set(name, { ...point, count: point.count + 1, deliveries: point.deliveries + deliveries })
  }
  return [...points.values()]
}
