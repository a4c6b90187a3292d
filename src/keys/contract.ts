import { z } from '@hono/zod-openapi'
import { TENANT_ROLES } from '../http/permissions.ts'
import { tenantParam } from '../http/route.ts'
import { time, timeInput, toTime, toTimeOrNull } from '../http/time.ts'
import type { KeyRow } from './table.ts'

const role = z.enum(TENANT_ROLES).openapi({ description: 'What the key may do; docs/api-reference.md has the table' })

export const keySchema = z
  .object({
    id: z.string().openapi({ example: 'key_01JD9Z6Q3V8M4T2K7N5B1C0XYE' }),
    name: z.string(),
    role,
    hint: z.string().openapi({ example: 'pst_live_4K7Q…', description: 'How the key begins' }),
    created_at: time,
    expires_at: time.nullable(),
    revoked_at: time.nullable(),
  })
  .openapi('ApiKey')

export const createdSchema = keySchema
  .extend({ key: z.string().openapi({ description: 'The key itself, shown this once' }) })
  .openapi('CreatedApiKey')

export const createBody = z
  .strictObject({
    name: z.string().trim().min(1).max(200),
    role,
    mode: z
      .enum(['live', 'test'])
      .default('live')
      .openapi({ description: 'Its prefix, so that people can tell keys apart' }),
    expires_at: timeInput.optional(),
  })
  .openapi('CreateApiKey')

export const keyParam = tenantParam.extend({ key: z.string() })

/** A key as the API shows it: without its hash. */
export function toKeyJson({ id, name, role, hint, created_at, expires_at, revoked_at }: KeyRow) {
  if (role === 'operator') throw new Error('an operator key has no tenant')
  return {
    id,
    name,
    role,
    hint,
    created_at: toTime(created_at),
    expires_at: toTimeOrNull(expires_at),
    revoked_at: toTimeOrNull(revoked_at),
  }
}
