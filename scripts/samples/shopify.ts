import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import type { Sampler } from './sampler.ts'

// Written out: their ids are no numbers that JavaScript has.
const ORDER = `{"id":820982911946154508,"admin_graphql_api_id":"gid://shopify/Order/820982911946154508",\
"email":"jon@example.com","currency":"USD","financial_status":"voided","total_price":"388.00","line_items":[]}`
const PRODUCT = `{"id":788032119674292922,"title":"Example T-Shirt","vendor":"Acme","product_type":"Shirts",\
"status":"active","variants":[]}`

/** https://shopify.dev/docs/api/webhooks */
export const shopify: Sampler = {
  events: {
    'orders/create': () => ORDER,
    'products/update': () => PRODUCT,
    'app/uninstalled': () =>
      JSON.stringify({ id: 548380009, name: 'Super Toys', domain: null, myshopify_domain: 'super-toys.myshopify.com' }),
  },
  invent() {
    const secret = randomBytes(32).toString('hex')
    return { signing_key: secret, credentials: { secret } }
  },
  sign(body, { type, id, now }, { signing_key }) {
    return {
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Shopify-Captain-Hook',
        'x-shopify-api-version': '2026-10',
        'x-shopify-event-id': randomUUID(),
        'x-shopify-hmac-sha256': createHmac('sha256', signing_key).update(body).digest('base64'),
        'x-shopify-shop-domain': 'super-toys.myshopify.com',
        'x-shopify-topic': type,
        'x-shopify-triggered-at': now.toISOString(),
        'x-shopify-webhook-id': id,
      },
    }
  },
}
