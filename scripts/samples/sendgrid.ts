import { generateKeyPairSync, sign } from 'node:crypto'
import type { Sampler } from './sampler.ts'

/** https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event */
export const sendgrid: Sampler = {
  events: {
    batch: ({ id, now }) => {
      const common = {
        email: 'example@test.com',
        timestamp: Math.floor(now.getTime() / 1000),
        'smtp-id': '<14c5d75ce93.dfd.64b469@ismtpd-555>',
        sg_message_id: '14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0',
      }
      return `${JSON.stringify([
        { ...common, event: 'processed', category: ['cat facts'], sg_event_id: `${id}-1` },
        { ...common, event: 'delivered', response: '250 OK', sg_event_id: `${id}-2` },
        { ...common, event: 'bounce', reason: '500 unknown recipient', status: '5.0.0', sg_event_id: `${id}-3` },
      ])}\r\n`
    },
  },
  invent() {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    return {
      signing_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      credentials: { public_key: publicKey.export({ type: 'spki', format: 'der' }).toString('base64') },
    }
  },
  sign(body, { now }, { signing_key }) {
    const timestamp = String(Math.floor(now.getTime() / 1000))
    const signature = sign('sha256', Buffer.concat([Buffer.from(timestamp), body]), signing_key)
    return {
      headers: {
        'content-type': 'application/json;charset=utf-8',
        'user-agent': 'SendGrid Event API',
        'x-twilio-email-event-webhook-signature': signature.toString('base64'),
        'x-twilio-email-event-webhook-timestamp': timestamp,
      },
    }
  },
}
