import { z } from '@hono/zod-openapi'
import { time, toTime, toTimeOrNull } from '../http/time.ts'
import type { Keyring } from '../lib/keyring.ts'
import { checkReceipt, digestOf } from './receipt.ts'
import type { ErasureRow } from './table.ts'

const VISIBLE = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Z}]{1,255}$/u

/** Whom something is about, as their platform names them. */
export const subject = z
  .string()
  // No pattern in the document: classes of Unicode are not what every client's regular expressions know.
  .refine((text) => VISIBLE.test(text), 'must be 1 to 255 visible characters')
  .openapi({ minLength: 1, maxLength: 255, example: 'cus_42', description: '1 to 255 visible characters' })

export const erasureBody = z.strictObject({ subject }).openapi('RequestErasure')

export const exportBody = z
  .strictObject({
    subject,
    cursor: z.string().max(1000).optional().openapi({ description: '`next_cursor` of the export before' }),
  })
  .openapi('RequestExport')

const count = (description: string) => z.int().openapi({ description })

export const erasureSchema = z
  .object({
    id: z.string().openapi({ example: 'era_01JD9Z6Q3V8M4T2K7N5B1C0XYE' }),
    subject_hash: z.string().openapi({
      description: 'SHA-256 (hex) of `postern subject\\n{tenant}\\n{subject}`: whom it was about is not kept',
    }),
    state: z.enum(['running', 'completed']),
    requested_at: time.openapi({ description: 'What was accepted until then is erased' }),
    requested_by: z.string().openapi({ description: 'Id of the API key' }),
    completed_at: time.nullable(),
    erased: z
      .object({
        deliveries: count('That lost their content: payload, headers, ordering key, channels'),
        unfinished_deliveries: count('Those of them that had not ended, and will not be attempted any more'),
        attempts: count('Whose headers and bodies are gone'),
        unmatched_messages: count('That nobody had subscribed to'),
        dead_letters: count('Queue messages that Postern had given up on'),
        payloads: count('Objects in R2'),
      })
      .openapi({ description: 'So far, while it runs' }),
    receipt: z
      .object({
        digest: z.string().openapi({ description: 'SHA-256 (hex) over all of this' }),
        signature: z.string().openapi({ description: 'HMAC-SHA256 over the digest, under a key of this deployment' }),
        authenticity: z
          .enum(['authentic', 'altered', 'unknown_key'])
          .openapi({ description: 'Whether digest and signature fit this record, checked now' }),
      })
      .nullable()
      .openapi({ description: 'Null while it runs' }),
  })
  .openapi('Erasure')

/** An erasure as the API shows it; of one that is done the receipt is checked. */
export async function toErasureJson(row: ErasureRow, keyring: Keyring) {
  const { id, subject, requested_at, requested_by, completed_at, signature } = row
  const { deliveries, unfinished_deliveries, attempts, unmatched_messages, dead_letters, payloads } = row
  const completed = completed_at === null ? null : { ...row, completed_at }
  return {
    id,
    subject_hash: subject,
    state: completed === null ? ('running' as const) : ('completed' as const),
    requested_at: toTime(requested_at),
    requested_by,
    completed_at: toTimeOrNull(completed_at),
    erased: { deliveries, unfinished_deliveries, attempts, unmatched_messages, dead_letters, payloads },
    receipt: completed && {
      digest: await digestOf(completed),
      signature: signature ?? '',
      authenticity: await checkReceipt(keyring, completed),
    },
  }
}
