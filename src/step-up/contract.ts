import { z } from '@hono/zod-openapi'
import type { Tenant } from '../http/access.ts'
import { time, toTimeOrNull } from '../http/time.ts'
import { type EnrolmentRow, STEP_UP_POLICIES, strictest } from './table.ts'

/** The secret of an authenticator, shown this once. */
export const enrolmentSchema = z
  .object({
    secret: z.string().openapi({ description: 'In base32, to type into an authenticator app' }),
    uri: z.string().openapi({ example: 'otpauth://totp/Postern:acme%2Fbilling?issuer=Postern&secret=…' }),
    qr_svg: z.string().openapi({ description: 'The same to point a phone at: a picture in SVG' }),
  })
  .openapi('TotpEnrolment')

export const stateSchema = z
  .object({
    state: z
      .enum(['none', 'pending', 'enrolled'])
      .openapi({ description: '`pending` until it is confirmed: no code is asked for before' }),
    created_at: time.nullable(),
    confirmed_at: time.nullable(),
    locked_until: time.nullable().openapi({ description: 'After too many wrong codes: until then none is accepted' }),
  })
  .openapi('TotpState')

export const confirmBody = z
  .strictObject({
    code: z
      .string()
      .regex(/^[0-9]{6}$/, 'must be six digits')
      .openapi({ example: '123456' }),
  })
  .openapi('ConfirmTotp')

export const removeQuery = z.object({
  reason: z
    .string()
    .trim()
    .min(1)
    .max(500)
    .optional()
    .openapi({ description: 'Why an operator does it for another key' }),
})

const policy = z.enum(STEP_UP_POLICIES).openapi({
  description: '`enrolled`: codes are asked of keys that are enrolled; `required`: of all, so they must be',
})

export const policySchema = z
  .object({
    policy: policy.openapi({ description: 'What counts: the stricter of the two' }),
    own: policy.openapi({ description: 'What the tenant’s admins demand' }),
    operator: policy.openapi({ description: 'What the operator demands' }),
  })
  .openapi('StepUpPolicy')

export const policyBody = z.strictObject({ own: policy }).openapi('ChangeStepUpPolicy')

/** An enrolment as the API shows it: without its secret. */
export function toStateJson(row: EnrolmentRow | undefined, now: number): z.output<typeof stateSchema> {
  if (row === undefined) return { state: 'none', created_at: null, confirmed_at: null, locked_until: null }
  const { created_at, confirmed_at, locked_until } = row
  return {
    state: confirmed_at === null ? 'pending' : 'enrolled',
    created_at: toTimeOrNull(created_at),
    confirmed_at: toTimeOrNull(confirmed_at),
    locked_until: toTimeOrNull(locked_until > now ? locked_until : null),
  }
}

export function toPolicyJson({ step_up, own_step_up }: Tenant): z.output<typeof policySchema> {
  return { policy: strictest(step_up, own_step_up), own: own_step_up, operator: step_up }
}
