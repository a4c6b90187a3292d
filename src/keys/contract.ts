import { z } from '@hono/zod-openapi'
import { ipAllowlist } from '../http/ip-allowlist.ts'
import { PERMISSIONS, type Permission, type Role, TENANT_ROLES } from '../http/permissions.ts'
import { tenantParam } from '../http/route.ts'
import { line } from '../http/text.ts'
import { time, timeInput, toTime, toTimeOrNull } from '../http/time.ts'
import type { KeyRow } from './table.ts'

const role = z.enum(TENANT_ROLES).openapi({ description: 'What the key may do; docs/api-reference.md has the table' })
const id = z.string().openapi({ example: 'key_01JD9Z6Q3V8M4T2K7N5B1C0XYE' })

const shown = {
  id,
  name: z.string(),
  role,
  scopes: z.array(z.string()).nullable().openapi({ description: 'Null: all that the role holds' }),
  ip_allowlist: z.array(z.string()).nullable().openapi({ description: 'Null: usable from every address' }),
  hint: z.string().openapi({ example: 'pst_live_4K7Q…', description: 'How the key begins' }),
  created_at: time,
  last_used_at: time.nullable().openapi({ description: 'Late by up to a minute' }),
  expires_at: time.nullable(),
  revoked_at: time.nullable(),
  replaced_by: id.nullable().openapi({ description: 'The key that a rotation made in its place' }),
}

const operatorRole = { role: z.literal('operator') }
const secret = { key: z.string().openapi({ description: 'The key itself, shown this once' }) }

export const keySchema = z.object(shown).openapi('ApiKey')
export const createdSchema = z.object({ ...shown, ...secret }).openapi('CreatedApiKey')
export const operatorKeySchema = z.object({ ...shown, ...operatorRole }).openapi('OperatorKey')
export const createdOperatorKeySchema = z.object({ ...shown, ...operatorRole, ...secret }).openapi('CreatedOperatorKey')

const scopes = z
  .array(z.enum(Object.keys(PERMISSIONS) as [Permission, ...Permission[]]))
  .min(1)
  .transform((list) => [...new Set(list)])
  .openapi({ description: 'The only permissions that the key has: some of those that its role holds' })

const ip_allowlist = ipAllowlist('The only addresses that may use the key')

const name = line(200).trim().min(1)

const settable = {
  name,
  scopes: scopes.nullable().default(null),
  ip_allowlist: ip_allowlist.nullable().default(null),
  mode: z
    .enum(['live', 'test'])
    .default('live')
    .openapi({ description: 'Its prefix, so that people can tell keys apart' }),
  expires_at: timeInput.optional(),
}

export const createBody = z.strictObject({ ...settable, role }).openapi('CreateApiKey')
export const createOperatorKeyBody = z.strictObject(settable).openapi('CreateOperatorKey')

export const patchBody = z
  .strictObject({ name, scopes: scopes.nullable(), ip_allowlist: ip_allowlist.nullable() })
  .partial()
  .openapi('UpdateApiKey')

export const rotateBody = z
  .strictObject({
    overlap_s: z
      .int()
      .min(0)
      .max(604_800)
      .default(86_400)
      .openapi({ description: 'How long the old key still works, at most' }),
  })
  .openapi('RotateApiKey')

/** What is asked of whoever may be about to lock the tenant out. */
export const confirmQuery = z.object({
  confirm: z
    .enum(['true', 'false'])
    .default('false')
    .openapi({ description: '`true`: go on though no admin key would be left that can make keys' }),
})

export const operatorKeyParam = z.object({ key: id.openapi({ param: { name: 'key', in: 'path' } }) })
export const keyParam = tenantParam.extend({ key: id })

export type KeyChange = z.output<typeof patchBody>

/** Whether a change is of what the key may do, and not only of what it is called. */
export function changesReach({ scopes, ip_allowlist }: KeyChange): boolean {
  return scopes !== undefined || ip_allowlist !== undefined
}

/** A tenant's key as the API shows it: without its hash. */
export function toKeyJson(row: KeyRow) {
  if (row.role === 'operator') throw new Error('an operator key has no tenant')
  return toJson(row, row.role)
}

/** An operator's key as the API shows it. */
export function toOperatorKeyJson(row: KeyRow) {
  return toJson(row, 'operator')
}

/** A key as the audit log shows it. */
export function toAuditedKey(row: KeyRow) {
  return toJson(row, row.role)
}

function toJson<R extends Role>({ id, name, scopes, ip_allowlist, hint, replaced_by, ...times }: KeyRow, role: R) {
  return {
    id,
    name,
    role,
    scopes,
    ip_allowlist,
    hint,
    created_at: toTime(times.created_at),
    last_used_at: toTimeOrNull(times.last_used_at),
    expires_at: toTimeOrNull(times.expires_at),
    revoked_at: toTimeOrNull(times.revoked_at),
    replaced_by,
  }
}
