import { z } from '@hono/zod-openapi'
import { defineProvider } from '../provider.ts'
import { refuse } from '../refusal.ts'
import { type BodyHmac, verifyBody } from '../schemes/body-hmac.ts'

const SCHEME: BodyHmac = { header: 'x-shopify-hmac-sha256', algorithm: 'sha256', encoding: 'base64' }

/**
 * Every webhook is an object. The client secret also signs what merchants get to see: the query that their browser comes to
 * an app with, and session tokens. Sent as a body with headers of their choice, that would be any event of any shop; but it
 * begins with a letter, or with one that sorts before it.
 */
const OPEN_OBJECT = 0x7b

/**
 * Keyed with the app's client secret, or with the store's for webhooks that were made by hand. `X-Shopify-Webhook-Id` is the
 * id: `X-Shopify-Event-Id` is of what the merchant did, and several topics and subscriptions tell of that.
 */
export const shopify = defineProvider({
  title: 'Shopify',
  specification: 'https://shopify.dev/docs/apps/build/webhooks/subscribe/https',
  credentials: z.strictObject({ secret: z.string().min(8).max(256) }),
  settings: z.strictObject({}),
  forwards: ['x-shopify-*'],

  verify(request, { credentials }) {
    const keys = credentials.map(({ secret }) => secret)
    const verdict = verifyBody(request, keys, SCHEME)
    return verdict.ok && request.body[0] !== OPEN_OBJECT ? refuse('wrong_recipient') : verdict
  },

  identify({ headers }) {
    return { id: headers.get('x-shopify-webhook-id'), type: headers.get('x-shopify-topic') }
  },
})
