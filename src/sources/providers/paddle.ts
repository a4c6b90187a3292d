import { z } from '@hono/zod-openapi'
import { pickText } from '../../lib/json-pick.ts'
import { defineProvider } from '../provider.ts'
import { type TimedForm, verifyTimedSignature } from '../schemes/timed-signature.ts'

/** `ts=1671552777;h1=…;h1=…` */
const FORM: TimedForm = { separator: ';', time: 'ts', code: 'h1', join: ':' }

/** HMAC-SHA256 of `{timestamp}:{body}`, in hexadecimal. */
export const paddle = defineProvider({
  title: 'Paddle',
  specification: 'https://developer.paddle.com/webhooks/signature-verification',
  credentials: z.strictObject({
    secret: z.string().regex(/^pdl_ntfset_\S{8,245}$/, 'must be the secret key of the destination, pdl_ntfset_…'),
  }),
  settings: z.strictObject({}),
  forwards: ['paddle-signature'],

  verify(request, { credentials, ...clock }) {
    const keys = credentials.map(({ secret }) => secret)
    return verifyTimedSignature(request, keys, { header: 'paddle-signature', form: FORM }, clock)
  },

  // Not `notification_id`: an event that is replayed from the dashboard gets another one.
  identify({ body }) {
    return { id: pickText(body, ['event_id']) ?? null, type: pickText(body, ['event_type']) ?? null }
  },
})
