import { z } from '@hono/zod-openapi'
import { POINTER_LENGTH_MAX, parsePointer } from '../lib/json-pointer.ts'

/** Of one list; each is looked for in every payload that is shown. */
const POINTERS_MAX = 50

const pointer = z.string().superRefine((text, context) => {
  const parsed = parsePointer(text)
  if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.error })
})

/** Checked and stored as it is written. */
export const redactField = z
  .array(pointer.openapi({ maxLength: POINTER_LENGTH_MAX }))
  .max(POINTERS_MAX)
  .openapi({
    description:
      'JSON Pointers (RFC 6901) into `data`, or into a raw body that is JSON: what they lead to is shown as `[redacted]`. ' +
      'A segment `*` stands for every element of an array and every member of an object',
    example: ['/customer/email', '/items/*/owner'],
  })

export const redactionSchema = z.strictObject({ redact: redactField }).openapi('Redaction')
