import { z } from '@hono/zod-openapi'
import { tenantParam } from '../http/route.ts'
import { prose } from '../http/text.ts'
import { time, toTime, toTimeOrNull } from '../http/time.ts'
import { wholeNumber } from '../http/whole-number.ts'
import { isEventType } from '../lib/glob.ts'
import { redactField } from '../redaction/contract.ts'
import type { EventType, EventTypeRow } from './event-types.ts'
import { generateExample } from './example.ts'

export const eventTypeName = z
  .string()
  .refine(isEventType, 'must be a dotted name of letters, digits, _ and -, at most 128 characters')
  .openapi({ example: 'invoice.paid' })

const description = prose(1000)

/** Checked where it is saved: what a schema may be, no other schema can say. */
const schema = z.unknown().openapi({
  type: ['object', 'boolean', 'null'],
  description: 'JSON Schema (draft 2020-12) for `data`; null demands nothing',
  example: { type: 'object', required: ['amount'], properties: { amount: { type: 'integer', minimum: 0 } } },
})
const example = z.unknown().openapi({
  description: '`data` of test messages; it must fit the schema. Null: one is made from the schema',
})

const retentionDays = z.int().min(1).max(365).nullable().openapi({
  description:
    'How long payload and attempts are kept after a delivery has ended; null, or longer than the tenant keeps deliveries: as long as those',
})

export const eventTypeSchema = z
  .object({
    name: z.string().openapi({ example: 'invoice.paid' }),
    description,
    schema_version: z.int().openapi({ description: 'The newest version of its schema; 0 when it never had one' }),
    deprecated_at: time.nullable().openapi({ description: 'Still accepted, with a warning' }),
    archived_at: time.nullable().openapi({ description: 'No longer accepted' }),
    redact: redactField,
    retention_days: retentionDays,
    created_at: time,
    updated_at: time,
  })
  .openapi('EventType')

export const eventTypeDetail = eventTypeSchema
  .extend({
    schema: schema.nullable(),
    example: example.nullable(),
    generated_example: z.unknown().nullable().openapi({
      description: 'What test messages carry where there is no `example`; null when none could be made',
    }),
    schema_versions: z.array(z.object({ version: z.int(), created_at: time })).openapi({
      description: 'Versions that a message may name, newest first',
    }),
  })
  .openapi('EventTypeDetail')

const settable = {
  description,
  schema,
  example,
  deprecated: z.boolean().openapi({ description: 'Whether it should no longer be used' }),
  archived: z.boolean().openapi({ description: 'Whether messages of this type are refused' }),
  redact: redactField,
  retention_days: retentionDays,
}

export const createBody = z
  .strictObject({
    name: eventTypeName,
    ...z.strictObject(settable).partial().shape,
    description: description.default(''),
  })
  .openapi('CreateEventType')
export const patchBody = z.strictObject(settable).partial().openapi('UpdateEventType')

export type NewEventType = z.output<typeof createBody>
export type EventTypeChange = z.output<typeof patchBody>

export const nameParam = tenantParam.extend({ name: z.string().openapi({ example: 'invoice.paid' }) })
export const versionParam = nameParam.extend({ version: wholeNumber(1).openapi({ example: 1 }) })

export const schemaVersion = z
  .object({ version: z.int(), schema: schema.nullable(), created_at: time })
  .openapi('EventTypeSchemaVersion')

/** As lists show it. */
export function toEventTypeJson(row: EventTypeRow) {
  const { name, description, schema_version, deprecated_at, archived_at, redact, retention_days } = row
  return {
    name,
    description,
    schema_version,
    deprecated_at: toTimeOrNull(deprecated_at),
    archived_at: toTimeOrNull(archived_at),
    redact,
    retention_days,
    created_at: toTime(row.created_at),
    updated_at: toTime(row.updated_at),
  }
}

export function toDetailJson({ row, schema, versions }: EventType) {
  return {
    ...toEventTypeJson(row),
    schema: fromJson(schema),
    example: fromJson(row.example),
    generated_example: row.example === null ? (generateExample(schema)?.value ?? null) : null,
    schema_versions: versions.map(({ version, created_at }) => ({ version, created_at: toTime(created_at) })),
  }
}

export function fromJson(text: string | null): unknown {
  return text === null ? null : JSON.parse(text)
}
