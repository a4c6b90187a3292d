import { z } from '@hono/zod-openapi'
import { toHex } from '../../lib/hash.ts'
import { pickText } from '../../lib/json-pick.ts'
import { defineProvider } from '../provider.ts'
import { STRIPE_FORM, verifyTimedSignature } from '../schemes/timed-signature.ts'

/**
 * Stripe's scheme. Events have no id, but their bodies say to the microsecond when they came to be; when they were signed may
 * be another time on each attempt, and says nothing of which event it is.
 */
export const calendly = defineProvider({
  title: 'Calendly',
  specification: 'https://developer.calendly.com/api-docs/webhook-signatures',
  credentials: z.strictObject({ secret: z.string().min(8).max(256) }),
  settings: z.strictObject({}),
  // It tries again for as long, and does not say whether it then signs anew.
  tolerance_s: 24 * 60 * 60,
  forwards: ['calendly-webhook-signature'],
  invent: (random) => ({ secret: toHex(random(32)) }),

  verify(request, { credentials, ...clock }) {
    const keys = credentials.map(({ secret }) => secret)
    return verifyTimedSignature(request, keys, { header: 'calendly-webhook-signature', form: STRIPE_FORM }, clock)
  },

  identify({ body }) {
    return { id: null, type: pickText(body, ['event']) ?? null }
  },
})
