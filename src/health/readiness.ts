/** What the parts that Postern stands on say together: can it be published to, and is all well? */
import type { CanaryHealth } from './flight.ts'

export const PARTS = ['database', 'endpoints', 'queues', 'payloads'] as const

export type Part = (typeof PARTS)[number]

export const PART_STATUSES = ['ok', 'failed', 'timeout'] as const

export interface PartHealth {
  status: (typeof PART_STATUSES)[number]
  latency_ms: number
}

export const READY_STATUSES = ['ok', 'degraded', 'down'] as const

/** `limited`: some publishes are answered 503, and which ones the parts say (docs/monitoring-guide.md). */
export const PUBLISHING = ['full', 'limited', 'none'] as const

export interface Readiness {
  status: (typeof READY_STATUSES)[number]
  publishing: (typeof PUBLISHING)[number]
}

/** Pure, so that the table of the guide can be tested line by line. */
export function judgeParts(
  parts: Readonly<Record<Part, Pick<PartHealth, 'status'>>>,
  canary: Pick<CanaryHealth, 'status'>,
): Readiness {
  const isOk = (part: Part) => parts[part].status === 'ok'
  // Without Endpoints the fan-out queue takes custody, of messages for tenants that are known or can be read.
  const has_custody = isOk('endpoints') || (isOk('queues') && isOk('database'))
  if (!has_custody) return { status: 'down', publishing: 'none' }
  const is_full = isOk('database') && isOk('endpoints') && isOk('payloads')
  const is_well = PARTS.every(isOk) && canary.status !== 'failing' && canary.status !== 'stale'
  return { status: is_well ? 'ok' : 'degraded', publishing: is_full ? 'full' : 'limited' }
}
