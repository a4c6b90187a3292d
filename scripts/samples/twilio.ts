import { createHmac, randomBytes } from 'node:crypto'
import type { Sampler } from './sampler.ts'

const ACCOUNT = 'ACxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'

const form = (parameters: Record<string, string>) => String(new URLSearchParams(parameters))

/** Percent signs and pluses of a form, as letters of one byte each. */
const decode = (text: string) =>
  text
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_escape, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))

export const twilio: Sampler = {
  events: {
    // https://www.twilio.com/docs/messaging/guides/webhook-request
    'message.received': ({ id }) =>
      form({
        ToCountry: 'US',
        MessageSid: `SM${id}`,
        NumMedia: '0',
        SmsStatus: 'received',
        Body: 'Ahoy! Grüße 🌍 & 1+1=2',
        To: '+15558675310',
        From: '+15017122661',
        AccountSid: ACCOUNT,
        ApiVersion: '2010-04-01',
      }),
    // https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
    'message.delivered': ({ id }) =>
      form({
        MessageSid: `SM${id}`,
        MessageStatus: 'delivered',
        SmsStatus: 'delivered',
        To: '+15558675310',
        From: '+15017122661',
        AccountSid: ACCOUNT,
        ApiVersion: '2010-04-01',
      }),
    // https://www.twilio.com/docs/voice/twiml#request-parameters
    'call.ringing': ({ id }) =>
      form({
        CallSid: `CA${id}`,
        CallStatus: 'ringing',
        Direction: 'inbound',
        To: '+15558675310',
        From: '+15017122661',
        AccountSid: ACCOUNT,
        ApiVersion: '2010-04-01',
      }),
  },
  invent() {
    const auth_token = randomBytes(16).toString('hex')
    return { signing_key: auth_token, credentials: { auth_token } }
  },
  sign(body, { url, id }, { signing_key }) {
    const pairs: string[] = Buffer.from(body).toString('latin1').split('&')
    const signed = pairs
      .map((pair) => {
        const [name = '', ...value] = pair.split('=')
        return decode(name) + decode(value.join('='))
      })
      .sort()
      .join('')
    const mac = createHmac('sha1', signing_key).update(url).update(Buffer.from(signed, 'latin1'))
    return {
      headers: {
        'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
        'user-agent': 'TwilioProxy/1.1',
        'i-twilio-idempotency-token': id,
        'x-twilio-signature': mac.digest('base64'),
      },
    }
  },
}
