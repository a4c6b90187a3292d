import { z } from '@hono/zod-openapi'
import { time, toTime, toTimeOrNull } from '../http/time.ts'
import { secretKind, settable } from './fields.ts'
import type { EndpointRow } from './settings.ts'

export const endpointSchema = z
  .object({
    id: z.string().openapi({ example: 'ep_01JD9Z6Q3V8M4T2K7N5B1C0XYE' }),
    ...settable,
    // As they are stored: the input's transform has made the names lower-case.
    headers: z.record(z.string(), z.string()),
    status: z.enum(['enabled', 'disabled']),
    disabled_reason: z.enum(['manual', 'gone', 'failing']).nullable().openapi({
      description: '`gone`: it answered 410; `failing`: no success for as long as the tenant allows',
    }),
    disabled_at: time.nullable(),
    created_at: time,
    updated_at: time,
  })
  .openapi('Endpoint')

export const secretSchema = z
  .object({
    secret: z.string().openapi({ example: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' }),
    kind: secretKind,
    public_key: z.string().nullable().openapi({ description: 'What receivers verify Ed25519 signatures with' }),
  })
  .openapi('Secret')

export const createdSchema = endpointSchema
  .extend({ secret: secretSchema.shape.secret, public_key: secretSchema.shape.public_key })
  .openapi('CreatedEndpoint')

/** An endpoint as the API shows it: everything but its secrets. */
export function toEndpointView(row: EndpointRow): z.output<typeof endpointSchema> {
  const { tenant_id: _tenant, version: _version, secrets: _secrets, disabled, ...shown } = row
  return {
    ...shown,
    status: disabled === null ? 'enabled' : 'disabled',
    disabled_reason: disabled,
    disabled_at: toTimeOrNull(row.disabled_at),
    created_at: toTime(row.created_at),
    updated_at: toTime(row.updated_at),
  }
}
