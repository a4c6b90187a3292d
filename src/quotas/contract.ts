import { z } from '@hono/zod-openapi'
import { time, toTime, toTimeOrNull } from '../http/time.ts'
import { endOf } from '../lib/month.ts'
import type { TenantUsage } from './get-usage.ts'

export const usageQuery = z.object({
  month: z
    .string()
    .regex(/^20\d\d-(0[1-9]|1[0-2])$/, 'must be a month like 2026-11')
    .optional()
    .openapi({
      param: { name: 'month', in: 'query' },
      example: '2026-11',
      description: 'A calendar month, UTC (default: the present one)',
    }),
})

const left = z.int().openapi({ description: 'Messages that may be published now' })

export const usageSchema = z
  .object({
    month: z.string().openapi({ example: '2026-11' }),
    accepted: z.int().nullable().openapi({
      description: 'Messages accepted in that month while the tenant had a quota; null when none were counted',
    }),
    unmetered: z.int().openapi({
      description: 'Those of them that were accepted, whatever the quotas said, while the meter did not answer',
    }),
    metered_since: time.nullable().openapi({ description: 'When counting began in that month' }),
    quotas: z
      .object({
        messages_per_second: z
          .object({ limit: z.int(), burst: z.int(), remaining: left, resets_at: time })
          .nullable()
          .openapi({ description: 'Null when nothing limits it' }),
        messages_per_month: z
          .object({ limit: z.int(), remaining: left, resets_at: time })
          .nullable()
          .openapi({ description: 'Null when nothing limits it' }),
      })
      .openapi({ description: 'As they are now, whatever month was asked for' }),
  })
  .openapi('Usage')

export function toUsageJson({ month, counted, quotas, remaining, at, present_month }: TenantUsage) {
  const { per_second, burst, per_month } = quotas
  // Earned evenly: what is missing is back by then.
  const full_at = at + Math.ceil(((burst - (remaining.second ?? burst)) * 1000) / (per_second ?? 1))
  return {
    month,
    accepted: counted?.accepted ?? null,
    unmetered: counted?.unmetered ?? 0,
    metered_since: toTimeOrNull(counted?.since ?? null),
    quotas: {
      messages_per_second:
        per_second === null
          ? null
          : { limit: per_second, burst, remaining: remaining.second ?? burst, resets_at: toTime(full_at) },
      messages_per_month:
        per_month === null
          ? null
          : { limit: per_month, remaining: remaining.month ?? per_month, resets_at: toTime(endOf(present_month)) },
    },
  }
}
