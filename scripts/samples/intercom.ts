import { createHmac, randomUUID } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

/** https://developers.intercom.com/docs/webhooks/webhook-notifications */
const event = ({ type, id, now }: Occasion, item: Record<string, unknown>) =>
  JSON.stringify({
    type: 'notification_event',
    app_id: 'a86dr8yl',
    data: { type: 'notification_event_data', item },
    links: {},
    id: `notif_${id}`,
    topic: type,
    delivery_status: 'pending',
    delivery_attempts: 1,
    delivered_at: 0,
    first_sent_at: Math.floor(now.getTime() / 1000),
    created_at: Math.floor(now.getTime() / 1000),
    self: null,
  })

export const intercom: Sampler = {
  events: {
    'contact.user.created': (occasion) =>
      event(occasion, { type: 'contact', id: '530370b477ad7120001d', role: 'user', name: 'Hoban Washburne' }),
    'conversation.user.created': (occasion) =>
      event(occasion, { type: 'conversation', id: '1911149811', state: 'open', read: true }),
    ping: (occasion) => event(occasion, { type: 'ping', message: 'something something interzen' }),
  },
  invent() {
    const secret = randomUUID()
    return { signing_key: secret, credentials: { secret } }
  },
  sign(body, _occasion, { signing_key }) {
    return {
      headers: {
        'content-type': 'application/json',
        'user-agent': 'intercom-parrot-service-client/1.0',
        'x-hub-signature': `sha1=${createHmac('sha1', signing_key).update(body).digest('hex')}`,
      },
    }
  },
}
