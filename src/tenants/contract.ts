import { z } from '@hono/zod-openapi'
import { time, toTime } from '../http/time.ts'
import { resolveLimits } from './limits.ts'
import { UNKNOWN_EVENT_TYPES } from './table.ts'
import type { TenantRow } from './update-tenant.ts'

const limits = z
  .strictObject({
    endpoints: z.int().min(0).max(10_000).optional().openapi({ description: 'Endpoints (default 100)' }),
    event_types: z.int().min(0).max(100_000).optional().openapi({ description: 'Event types (default 1,000)' }),
    keys: z.int().min(1).max(10_000).optional().openapi({ description: 'API keys that can be used (default 100)' }),
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
    unfinished_per_endpoint: z
      .int()
      .min(1)
      .max(10_000_000)
      .optional()
      .openapi({ description: 'Deliveries an endpoint may hold unfinished (default 1,000,000)' }),
  })
  .openapi('TenantLimits')

const unknownEventTypes = z
  .enum(UNKNOWN_EVENT_TYPES)
  .openapi({ description: 'What becomes of messages whose type is not in the catalogue' })

export const tenantSchema = z
  .object({
    id: z.string().openapi({ example: 'acme' }),
    name: z.string().openapi({ example: 'Acme Corp.' }),
    limits: limits.required(),
    disable_after_days: z.int().openapi({ description: 'Failing this long without one success disables an endpoint' }),
    retention_days: z.int().openapi({ description: 'How long finished deliveries, and the ids seen, are kept' }),
    audit_retention_days: z.int().openapi({ description: 'How long the audit log is kept' }),
    unknown_event_types: unknownEventTypes,
    created_at: time,
    updated_at: time,
  })
  .openapi('Tenant')

const settable = {
  name: z.string().trim().min(1).max(200),
  limits,
  disable_after_days: z.int().min(1).max(30),
  retention_days: z.int().min(1).max(365),
  audit_retention_days: z.int().min(30).max(3650),
  unknown_event_types: unknownEventTypes,
}

export const createBody = z
  .strictObject({
    id: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/, 'must be a slug: lower-case letters, digits and inner hyphens')
      .openapi({ example: 'acme', description: 'A slug of your choice; it cannot be changed' }),
    name: settable.name.openapi({ example: 'Acme Corp.' }),
    limits: limits.default({}),
    disable_after_days: settable.disable_after_days.default(5),
    retention_days: settable.retention_days.default(30),
    audit_retention_days: settable.audit_retention_days.default(365),
    unknown_event_types: settable.unknown_event_types.default('accept'),
  })
  .openapi('CreateTenant')

export const patchBody = z.strictObject(settable).partial().openapi('UpdateTenant')

export const deleteQuery = z.object({
  endpoints: z
    .enum(['delete'])
    .optional()
    .openapi({ param: { name: 'endpoints', in: 'query' }, description: 'Delete its endpoints too' }),
})

/** A tenant as the API shows it, with all its limits. */
export function toTenantJson(row: TenantRow) {
  const { id, name, disable_after_days, retention_days, audit_retention_days, unknown_event_types } = row
  return {
    id,
    name,
    limits: resolveLimits(row.limits),
    disable_after_days,
    retention_days,
    audit_retention_days,
    unknown_event_types,
    created_at: toTime(row.created_at),
    updated_at: toTime(row.updated_at),
  }
}
