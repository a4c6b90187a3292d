/** What Analytics Engine is told of requests. Statistics only: nothing waits for it, and nothing fails with it. */
import type { Deps } from './deps.ts'
import { report } from './report.ts'

/** What happened in one request, or to so many of its messages. Columns: docs/monitoring-guide.md. */
export interface RequestPoint {
  kind: 'publish' | 'ingest' | 'refusal'
  /** Empty where nobody known has asked: what a stranger names is no tenant. */
  tenant_id: string
  /** Empty where there is none. */
  event_type: string
  /** `accepted`, `duplicate`, `answered`, or why not: a problem's code, or why a source did not believe it. */
  outcome: string
  /** Method and pattern; never a path, which holds ids. */
  route: string
  /** Empty where there is none. */
  source_id: string
  count: number
  duration_ms: number
  /** 0 where the request is answered for several messages at once. */
  status: number
  /** Places that the messages have taken in Endpoints and queues. */
  deliveries: number
}

/** As the dataset has it. Columns are known by their position: new ones go to the end, and none ever moves. */
export function toDataPoint(point: RequestPoint): AnalyticsEngineDataPoint {
  return {
    indexes: [point.tenant_id],
    blobs: [point.kind, point.event_type, point.outcome, point.route, point.source_id],
    doubles: [point.count, point.duration_ms, point.status, point.deliveries],
  }
}

/** Writes points, without waiting. Never throws. */
export function writePoints(deps: Pick<Deps, 'env' | 'waitUntil'>, points: readonly RequestPoint[]): void {
  try {
    for (const point of points) deps.env.REQUESTS.writeDataPoint(toDataPoint(point))
  } catch (error) {
    report(deps, 'analytics.failed', error)
  }
}
