import { createHmac, randomBytes } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

const secondsOf = ({ now }: Occasion) => Math.floor(now.getTime() / 1000)

export const meta: Sampler = {
  events: {
    // https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview
    'whatsapp_business_account.messages': (occasion) =>
      JSON.stringify({
        object: 'whatsapp_business_account',
        entry: [
          {
            id: '102290129340398',
            changes: [
              {
                value: {
                  messaging_product: 'whatsapp',
                  metadata: { display_phone_number: '15550783881', phone_number_id: '106540352242922' },
                  contacts: [{ profile: { name: 'Sheena Nelson' }, wa_id: '16505551234' }],
                  messages: [
                    {
                      from: '16505551234',
                      id: `wamid.${Buffer.from(occasion.id).toString('base64')}`,
                      timestamp: String(secondsOf(occasion)),
                      type: 'text',
                      text: { body: 'Does it come in another color?' },
                    },
                  ],
                },
                field: 'messages',
              },
            ],
          },
        ],
      }),
    // https://developers.facebook.com/docs/messenger-platform/webhooks
    'page.messaging': (occasion) =>
      JSON.stringify({
        object: 'page',
        entry: [
          {
            id: '2490275914',
            time: occasion.now.getTime(),
            messaging: [
              {
                sender: { id: '5382905471' },
                recipient: { id: '2490275914' },
                timestamp: occasion.now.getTime(),
                message: { mid: `m_${occasion.id}`, text: 'hello, world' },
              },
            ],
          },
        ],
      }),
    // https://developers.facebook.com/docs/instagram-platform/webhooks
    'instagram.comments': (occasion) =>
      JSON.stringify({
        object: 'instagram',
        entry: [
          {
            id: '17841405793187218',
            time: secondsOf(occasion),
            changes: [{ field: 'comments', value: { id: occasion.id, text: 'This is an example.' } }],
          },
        ],
      }),
  },
  invent() {
    const app_secret = randomBytes(16).toString('hex')
    return { signing_key: app_secret, credentials: { app_secret, verify_token: randomBytes(16).toString('hex') } }
  },
  sign(body, _occasion, { signing_key }) {
    return {
      headers: {
        'content-type': 'application/json',
        'user-agent': 'facebookexternalua',
        'x-hub-signature': `sha1=${createHmac('sha1', signing_key).update(body).digest('hex')}`,
        'x-hub-signature-256': `sha256=${createHmac('sha256', signing_key).update(body).digest('hex')}`,
      },
    }
  },
}
