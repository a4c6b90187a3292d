import { createHmac, randomBytes } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

/** https://developers.docusign.com/platform/webhooks/connect/json-sim-event-model */
const event = ({ type, id, now }: Occasion, more: Record<string, string> = {}) =>
  JSON.stringify({
    event: type,
    apiVersion: 'v2.1',
    uri: `/restapi/v2.1/accounts/70e1df4f-51d2-4c1b-9a4b-000000000000/envelopes/${id}`,
    retryCount: 0,
    configurationId: 10479491,
    generatedDateTime: now.toISOString(),
    data: {
      accountId: '70e1df4f-51d2-4c1b-9a4b-000000000000',
      userId: 'b2b5b1a3-1f0a-4f6e-9d3c-000000000000',
      envelopeId: id,
      ...more,
    },
  })

export const docusign: Sampler = {
  events: {
    'envelope-completed': (occasion) => event(occasion),
    'envelope-sent': (occasion) => event(occasion),
    'recipient-completed': (occasion) => event(occasion, { recipientId: '1' }),
  },
  invent() {
    const hmac_key = randomBytes(32).toString('base64')
    return { signing_key: hmac_key, credentials: { hmac_key } }
  },
  sign: (body, _occasion, { signing_key }) => ({
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'user-agent': 'docusign-connect',
      'x-authorization-digest': 'HMACSHA256',
      'x-docusign-signature-1': createHmac('sha256', signing_key).update(body).digest('base64'),
    },
  }),
}
