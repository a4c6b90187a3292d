import { z } from '@hono/zod-openapi'
import { pickText } from '../../lib/json-pick.ts'
import { defineProvider } from '../provider.ts'
import { parseVerifyingKey, verifyStandardWebhook } from '../schemes/standard-webhooks.ts'

/** Anybody who follows Standard Webhooks, and everybody who sends by Svix, whose headers begin otherwise. The id is signed. */
export const standard_webhooks = defineProvider({
  title: 'Standard Webhooks',
  specification: 'https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md',
  credentials: z.strictObject({
    secret: z
      .string()
      .max(256)
      .refine((text) => parseVerifyingKey(text) !== null, 'must be a secret whsec_… or a public key whpk_…'),
  }),
  settings: z.strictObject({}),
  forwards: ['svix-id', 'svix-signature', 'svix-timestamp', 'webhook-id', 'webhook-signature', 'webhook-timestamp'],

  verify(request, { credentials, ...clock }) {
    const secrets = credentials.map(({ secret }) => secret)
    return verifyStandardWebhook(request, secrets, prefixOf(request.headers), clock)
  },

  identify({ headers, body }) {
    return { id: headers.get(`${prefixOf(headers)}id`), type: pickText(body, ['type']) ?? null }
  },
})

/** One of the two is looked at, for everything: what the other says may not be signed. */
function prefixOf(headers: Headers): 'svix-' | 'webhook-' {
  return headers.has('svix-signature') ? 'svix-' : 'webhook-'
}
