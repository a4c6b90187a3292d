import { z } from '@hono/zod-openapi'
import { tenantParam } from '../http/route.ts'
import { time, toTime } from '../http/time.ts'
import { isEventType } from '../lib/glob.ts'
import type { EventTypeRow } from './event-types.ts'

export const eventTypeName = z
  .string()
  .refine(isEventType, 'must be a dotted name of letters, digits, _ and -, at most 128 characters')
  .openapi({ example: 'invoice.paid' })

const description = z.string().max(1000)

export const eventTypeSchema = z
  .object({ name: z.string().openapi({ example: 'invoice.paid' }), description, created_at: time, updated_at: time })
  .openapi('EventType')

export const createBody = z
  .strictObject({ name: eventTypeName, description: description.default('') })
  .openapi('CreateEventType')
export const patchBody = z.strictObject({ description: description.optional() }).openapi('UpdateEventType')
export const nameParam = tenantParam.extend({ name: z.string().openapi({ example: 'invoice.paid' }) })

export function toEventTypeJson({ name, description, created_at, updated_at }: EventTypeRow) {
  return { name, description, created_at: toTime(created_at), updated_at: toTime(updated_at) }
}
