import { createHmac, randomBytes } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

const event = ({ type, now }: Occasion, data: Record<string, unknown>) =>
  JSON.stringify({ type, timestamp: now.toISOString(), data })

/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
export const standard_webhooks: Sampler = {
  events: {
    'contact.created': (occasion) =>
      event(occasion, { id: '1f81eb52-5198-4599-803e-771906343485', email: 'jane@example.com' }),
    'user.updated': (occasion) => event(occasion, { id: 'usr_1', first_name: 'Jane' }),
    'invoice.paid': (occasion) => event(occasion, { id: 'inv_1', amount: 1099, currency: 'usd' }),
  },
  invent() {
    const secret = `whsec_${randomBytes(32).toString('base64')}`
    return { signing_key: secret, credentials: { secret } }
  },
  sign(body, { id, now }, { signing_key }) {
    const timestamp = Math.floor(now.getTime() / 1000)
    const key = Buffer.from(signing_key.slice(signing_key.indexOf('_') + 1), 'base64')
    const code = createHmac('sha256', key).update(`msg_${id}.${timestamp}.`).update(body).digest('base64')
    return {
      headers: {
        'content-type': 'application/json',
        'webhook-id': `msg_${id}`,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': `v1,${code}`,
      },
    }
  },
}
