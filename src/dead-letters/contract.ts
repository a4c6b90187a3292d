import { z } from '@hono/zod-openapi'
import { tenantParam } from '../http/route.ts'
import { time, timeInput, toTime } from '../http/time.ts'
import type { Shown } from '../redaction/shown.ts'
import type { DeadLetterRow } from './list-dead-letters.ts'

export const exhaustedSchema = z
  .object({
    id: z.string().openapi({ example: 'msg_01JD9Z6Q3V8M4T2K7N5B1C0XYE.ep_01JD9Z5M2R7W3H6F4A8G9D1QTS' }),
    cause: z.literal('exhausted'),
    endpoint_id: z.string(),
    message_id: z.string(),
    event_type: z.string(),
    accepted_at: time,
    died_at: time,
    attempt_count: z.int(),
    last_status: z.int().nullable(),
    last_error: z.string().nullable().openapi({ example: 'server_error' }),
  })
  .openapi('DeadLetter', { description: 'A delivery that used up its retries; its id is the delivery’s.' })

export const internalSchema = z
  .object({
    id: z.string(),
    cause: z.literal('internal'),
    tenant_id: z.string().nullable(),
    queue: z.string().openapi({ example: 'fanout' }),
    body: z.string().openapi({
      description:
        'As it was in the queue, as JSON, but for what is redacted: then without the body of the message, and without anything of a message of no known shape',
    }),
    error: z.string(),
    died_at: time,
  })
  .openapi('InternalDeadLetter', { description: 'A queue message that Postern itself could not process.' })

export const filterFields = {
  endpoint_id: z.string().optional(),
  event_type: z.string().max(128).optional(),
  since: timeInput.optional().openapi({ description: 'Died at or after this' }),
  until: timeInput.optional().openapi({ description: 'Died before this' }),
}

export const redriveBody = z
  .strictObject({
    ids: z.array(z.string()).min(1).max(1000).optional().openapi({ description: 'These alone' }),
    ...filterFields,
  })
  .openapi('Redrive', { description: 'All that fit every member; an empty object means all of the tenant’s.' })

export const letterParam = tenantParam.extend({ id: z.string() })
export const internalParam = z.object({ id: z.string() })

export function toExhaustedJson(row: DeadLetterRow): z.output<typeof exhaustedSchema> {
  return {
    id: row.id,
    cause: 'exhausted',
    endpoint_id: row.endpoint_id ?? '',
    message_id: row.message_id ?? '',
    event_type: row.event_type ?? '',
    accepted_at: toTime(row.accepted_at ?? 0),
    died_at: toTime(row.died_at),
    attempt_count: row.attempts ?? 0,
    last_status: row.last_status,
    last_error: row.last_error,
  }
}

export function toInternalJson(row: Shown<DeadLetterRow>): z.output<typeof internalSchema> {
  return {
    id: row.id,
    cause: 'internal',
    tenant_id: row.tenant_id === '' ? null : row.tenant_id,
    queue: row.queue ?? 'unknown',
    body: row.body ?? 'null',
    error: row.error ?? '',
    died_at: toTime(row.died_at),
  }
}
