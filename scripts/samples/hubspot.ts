import { createHmac, randomUUID } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

/** https://developers.hubspot.com/docs/apps/legacy-apps/public-apps/webhooks#webhook-payloads */
const batch = ({ type, id, now }: Occasion, event: Record<string, unknown>) =>
  JSON.stringify([
    {
      eventId: Number.parseInt(id.slice(-9), 16),
      subscriptionId: 12345,
      portalId: 62515,
      appId: 54321,
      occurredAt: now.getTime(),
      subscriptionType: type,
      attemptNumber: 0,
      objectId: 123,
      changeSource: 'CRM',
      ...event,
    },
  ])

export const hubspot: Sampler = {
  events: {
    'contact.creation': (occasion) => batch(occasion, { changeFlag: 'NEW' }),
    'contact.propertyChange': (occasion) =>
      batch(occasion, { propertyName: 'email', propertyValue: 'zoë@example.com' }),
    'deal.deletion': (occasion) => batch(occasion, { changeFlag: 'DELETED' }),
  },
  invent() {
    const secret = randomUUID()
    return { signing_key: secret, credentials: { secret } }
  },
  sign(body, { url, now }, { signing_key }) {
    const timestamp = String(now.getTime())
    const mac = createHmac('sha256', signing_key).update(`POST${url}`).update(body).update(timestamp)
    return {
      headers: {
        'content-type': 'application/json',
        'user-agent': 'HubSpot Connect 2.0 (http://dev.hubspot.com/) (namespace: webhooks-nio-http-client)',
        'x-hubspot-request-timestamp': timestamp,
        'x-hubspot-signature-v3': mac.digest('base64'),
      },
    }
  },
}
