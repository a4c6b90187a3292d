import { z } from '@hono/zod-openapi'
import { time, toTime, toTimeOrNull } from '../http/time.ts'
import { CANARY_STATUSES } from './flight.ts'
import type { Health } from './look.ts'
import { PART_STATUSES, PUBLISHING, READY_STATUSES } from './readiness.ts'

const part = z
  .object({
    status: z.enum(PART_STATUSES).openapi({ description: '`timeout`: no answer within a second' }),
    latency_ms: z.number(),
  })
  .openapi('PartHealth')

export const aliveSchema = z.object({ status: z.literal('ok') })

export const healthSchema = z
  .object({
    status: z.enum(READY_STATUSES).openapi({
      description: '`degraded`: something is not well, but messages are still accepted; `down`: they are not',
    }),
    publishing: z.enum(PUBLISHING).openapi({
      description: '`limited`: some publishes are answered 503; which ones follows from the parts',
    }),
    checked_at: time,
    parts: z.object({ database: part, endpoints: part, queues: part, payloads: part }),
    canary: z.object({
      status: z.enum(CANARY_STATUSES),
      last_success_at: time.nullable(),
      age_s: z.number().nullable().openapi({ description: 'Since the last flight that arrived was published' }),
      latency_ms: z.number().nullable().openapi({ description: 'Of that flight, from accepted to verified' }),
    }),
  })
  .openapi('Health')

/** What anybody may know. */
export function toHealthJson({ status, publishing, checked_at, parts, canary }: Health) {
  const { last_success_at, age_ms, latency_ms } = canary
  return {
    status,
    publishing,
    checked_at: toTime(checked_at),
    parts,
    canary: {
      status: canary.status,
      last_success_at: toTimeOrNull(last_success_at),
      age_s: age_ms === null ? null : Math.round(age_ms / 1000),
      latency_ms,
    },
  }
}
