import { createHmac, randomBytes } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

/** https://developer.paddle.com/webhooks/about/overview */
const event = ({ type, id, now }: Occasion, data: Record<string, unknown>) =>
  JSON.stringify({
    data,
    event_id: `evt_${id}`,
    event_type: type,
    occurred_at: now.toISOString(),
    notification_id: `ntf_${id}`,
  })

export const paddle: Sampler = {
  events: {
    'transaction.completed': (occasion) =>
      event(occasion, {
        id: 'txn_01hv8wptq8987qeep44cyrewp9',
        status: 'completed',
        customer_id: 'ctm_01hv6y1jedq4p1n0yqn5ba3ky4',
        currency_code: 'USD',
        details: { totals: { total: '65215', currency_code: 'USD' } },
      }),
    'subscription.created': (occasion) =>
      event(occasion, {
        id: 'sub_01hv8x29kz0t586xy6zn1a62ny',
        status: 'active',
        customer_id: 'ctm_01hv6y1jedq4p1n0yqn5ba3ky4',
        collection_mode: 'automatic',
      }),
    'customer.updated': (occasion) =>
      event(occasion, {
        id: 'ctm_01hv6y1jedq4p1n0yqn5ba3ky4',
        name: 'Jo Brown',
        email: 'jo@example.com',
        status: 'active',
      }),
  },
  invent() {
    const secret = `pdl_ntfset_${randomBytes(13).toString('hex')}_${randomBytes(24).toString('base64url')}`
    return { signing_key: secret, credentials: { secret } }
  },
  sign(body, { now }, { signing_key }) {
    const timestamp = Math.floor(now.getTime() / 1000)
    const code = createHmac('sha256', signing_key).update(`${timestamp}:`).update(body).digest('hex')
    return {
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Paddle',
        'paddle-signature': `ts=${timestamp};h1=${code}`,
      },
    }
  },
}
