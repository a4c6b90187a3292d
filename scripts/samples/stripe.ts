import { createHmac, randomBytes } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

/** https://docs.stripe.com/api/events/object */
const event = ({ type, id, now }: Occasion, object: Record<string, unknown>) =>
  JSON.stringify(
    {
      id: `evt_${id}`,
      object: 'event',
      api_version: '2025-09-30.clover',
      created: Math.floor(now.getTime() / 1000),
      data: { object },
      livemode: false,
      pending_webhooks: 1,
      request: { id: null, idempotency_key: null },
      type,
    },
    null,
    2,
  )

export const stripe: Sampler = {
  events: {
    'invoice.paid': (occasion) =>
      event(occasion, {
        id: 'in_1MtHbELkdIwHu7ixl4OzzPMv',
        object: 'invoice',
        amount_paid: 1099,
        currency: 'usd',
        customer: 'cus_NeZwdNtLEOXuvB',
        status: 'paid',
      }),
    'customer.created': (occasion) =>
      event(occasion, { id: 'cus_NffrFeUfNV2Hib', object: 'customer', email: 'jennyrosen@example.com' }),
    'payment_intent.succeeded': (occasion) =>
      event(occasion, {
        id: 'pi_3MtwBwLkdIwHu7ix28a3tqPa',
        object: 'payment_intent',
        amount: 2000,
        currency: 'usd',
        status: 'succeeded',
      }),
  },
  invent() {
    const secret = `whsec_${randomBytes(32).toString('hex')}`
    return { signing_key: secret, credentials: { secret } }
  },
  sign(body, { now }, { signing_key }) {
    const timestamp = Math.floor(now.getTime() / 1000)
    const code = createHmac('sha256', signing_key).update(`${timestamp}.`).update(body).digest('hex')
    return {
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'stripe-signature': `t=${timestamp},v1=${code}`,
        'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
      },
    }
  },
}
