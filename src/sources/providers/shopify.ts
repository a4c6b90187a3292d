import { z } from '@hono/zod-openapi'
import { defineProvider } from '../provider.ts'
import { type BodyHmac, verifyObject } from '../schemes/body-hmac.ts'

const SCHEME: BodyHmac = { header: 'x-shopify-hmac-sha256', algorithm: 'sha256', encoding: 'base64' }

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
    // The client secret signs the query that a merchant's browser comes to an app with, and session tokens.
    return verifyObject(request, keys, SCHEME)
  },

  identify({ headers }) {
    return { id: headers.get('x-shopify-webhook-id'), type: headers.get('x-shopify-topic') }
  },
})
