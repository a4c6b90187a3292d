import { createHmac, randomBytes } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

/** https://developer.squareup.com/reference/square/webhooks */
const event = ({ type, id, now }: Occasion, data: Record<string, unknown>) =>
  JSON.stringify({ merchant_id: '6SSW7HV8K2ST5', type, event_id: id, created_at: now.toISOString(), data })

export const square: Sampler = {
  events: {
    'payment.created': (occasion) =>
      event(occasion, {
        type: 'payment',
        id: 'KkAkhdMsgzn59SM8A89WgKwekxLZY',
        object: {
          payment: {
            id: 'hYy9pRFVxpDsO1FB05SunFWUe9JZY',
            amount_money: { amount: 100, currency: 'USD' },
            status: 'APPROVED',
          },
        },
      }),
    'customer.created': (occasion) =>
      event(occasion, {
        type: 'customer',
        id: 'QPTXM8PQNX3Q726ZYHPMNP46XC',
        object: { customer: { id: 'QPTXM8PQNX3Q726ZYHPMNP46XC', family_name: 'Earhart', given_name: 'Amelia' } },
      }),
  },
  invent() {
    const secret = randomBytes(16).toString('base64url')
    return { signing_key: secret, credentials: { secret } }
  },
  sign(body, { url, now }, { signing_key }) {
    return {
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Square Connect v2',
        'square-environment': 'Sandbox',
        'square-initial-delivery-timestamp': now.toISOString(),
        'x-square-hmacsha256-signature': createHmac('sha256', signing_key).update(url).update(body).digest('base64'),
      },
    }
  },
}
