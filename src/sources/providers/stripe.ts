import { z } from '@hono/zod-openapi'
import { pickText } from '../../lib/json-pick.ts'
import { defineProvider } from '../provider.ts'
import { STRIPE_FORM, verifyTimedSignature } from '../schemes/timed-signature.ts'

/** Scheme `v1`, keyed with the secret as it is written. */
export const stripe = defineProvider({
  title: 'Stripe',
  specification: 'https://docs.stripe.com/webhooks/signature',
  credentials: z.strictObject({
    secret: z.string().regex(/^whsec_\S{8,250}$/, 'must be the signing secret of the endpoint, whsec_…'),
  }),
  settings: z.strictObject({}),
  forwards: ['stripe-signature'],

  verify(request, { credentials, ...clock }) {
    const keys = credentials.map(({ secret }) => secret)
    return verifyTimedSignature(request, keys, { header: 'stripe-signature', form: STRIPE_FORM }, clock)
  },

  identify({ body }) {
    return { id: pickText(body, ['id']) ?? null, type: pickText(body, ['type']) ?? null }
  },
})
