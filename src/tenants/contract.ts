import { z } from '@hono/zod-openapi'
import { line } from '../http/text.ts'
import { time, toTime } from '../http/time.ts'
import { STEP_UP_POLICIES } from '../step-up/table.ts'
import { resolveLimits } from './limits.ts'
import { UNKNOWN_EVENT_TYPES } from './table.ts'
import type { TenantRow } from './update-tenant.ts'

const limits = z
  .strictObject({
    endpoints: z.int().min(0).max(10_000).optional().openapi({ description: 'Endpoints (default 100)' }),
    event_types: z.int().min(0).max(100_000).optional().openapi({ description: 'Event types (default 1,000)' }),
    keys: z.int().min(1).max(10_000).optional().openapi({ description: 'API keys that can be used (default 100)' }),
    messages_burst: z.int().min(1).max(100_000).nullable().optional().openapi({
      description:
        'Messages that may be published at once, after a pause (default `messages_per_second`, without which it means nothing)',
    }),
    messages_per_month: z.int().min(0).max(1e12).nullable().optional().openapi({
      description: 'Messages that may be published in a calendar month, UTC (default null: not limited, not counted)',
    }),
    messages_per_second: z.int().min(1).max(10_000).nullable().optional().openapi({
      description: 'Messages that may be published a second (default null: not limited)',
    }),
    payload_bytes: z
      .int()
      .min(1024)
      .max(1024 * 1024)
      .optional()
      .openapi({ description: 'Size of a payload (default 262,144)' }),
    schema_bytes: z
      .int()
      .min(0)
      .max(1024 * 1024)
      .optional()
      .openapi({ description: 'Size of all schemas of event types together (default 262,144)' }),
    sources: z.int().min(0).max(10_000).optional().openapi({ description: 'Sources (default 100)' }),
    unfinished_per_endpoint: z
      .int()
      .min(1)
      .max(10_000_000)
      .optional()
      .openapi({ description: 'Deliveries an endpoint may hold unfinished (default 1,000,000)' }),
  })
  .openapi('TenantLimits')

const settableLimits = limits.refine(
  ({ messages_burst, messages_per_second }) =>
    (messages_burst ?? null) === null || (messages_per_second ?? null) !== null,
  { path: ['messages_burst'], message: 'needs messages_per_second' },
)

const unknownEventTypes = z
  .enum(UNKNOWN_EVENT_TYPES)
  .openapi({ description: 'What becomes of messages whose type is not in the catalogue' })

const stepUp = z.enum(STEP_UP_POLICIES).openapi({
  description:
    '`required`: sensitive operations need a one-time code, and a key that is not enrolled cannot do them. ' +
    'The tenant’s admins can demand that too, and cannot take this back',
})

export const tenantSchema = z
  .object({
    id: z.string().openapi({ example: 'acme' }),
    name: z.string().openapi({ example: 'Acme Corp.' }),
    limits: limits.required(),
    disable_after_days: z.int().openapi({ description: 'Failing this long without one success disables an endpoint' }),
    retention_days: z.int().openapi({ description: 'How long finished deliveries, and the ids seen, are kept' }),
    audit_retention_days: z.int().openapi({ description: 'How long the audit log is kept' }),
    unknown_event_types: unknownEventTypes,
    step_up: stepUp,
    created_at: time,
    updated_at: time,
  })
  .openapi('Tenant')

const settable = {
  name: line(200).trim().min(1),
  limits: settableLimits,
  disable_after_days: z.int().min(1).max(30),
  retention_days: z.int().min(1).max(365),
  audit_retention_days: z.int().min(30).max(3650),
  unknown_event_types: unknownEventTypes,
  step_up: stepUp,
}

export const createBody = z
  .strictObject({
    id: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/, 'must be a slug: lower-case letters, digits and inner hyphens')
      .openapi({ example: 'acme', description: 'A slug of your choice; it cannot be changed' }),
    name: settable.name.openapi({ example: 'Acme Corp.' }),
    limits: settable.limits.default({}),
    disable_after_days: settable.disable_after_days.default(5),
    retention_days: settable.retention_days.default(30),
    audit_retention_days: settable.audit_retention_days.default(365),
    unknown_event_types: settable.unknown_event_types.default('accept'),
    step_up: settable.step_up.default('enrolled'),
  })
  .openapi('CreateTenant')

export const patchBody = z.strictObject(settable).partial().openapi('UpdateTenant')

/** Whether a change asks for a one-time code: what is kept for less long is gone for good, deliveries and evidence alike. */
export function isSensitiveChange(change: z.output<typeof patchBody>): boolean {
  return [change.step_up, change.retention_days, change.audit_retention_days].some((value) => value !== undefined)
}

export const deleteQuery = z.object({
  endpoints: z
    .enum(['delete'])
    .optional()
    .openapi({ param: { name: 'endpoints', in: 'query' }, description: 'Delete its endpoints too' }),
})

/** A tenant as the API shows it, with all its limits. */
export function toTenantJson(row: Omit<TenantRow, 'redact'>) {
  const { id, name, disable_after_days, retention_days, audit_retention_days, unknown_event_types, step_up } = row
  return {
    id,
    name,
    limits: resolveLimits(row.limits),
    disable_after_days,
    retention_days,
    audit_retention_days,
    unknown_event_types,
    step_up,
    created_at: toTime(row.created_at),
    updated_at: toTime(row.updated_at),
  }
}
