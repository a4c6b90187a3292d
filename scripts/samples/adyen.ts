import { createHmac, randomBytes } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

interface Item {
  pspReference: string
  originalReference?: string
  merchantAccountCode: string
  merchantReference: string
  amount: { value: number; currency: string }
  eventCode: string
  success: string
  [other: string]: unknown
}

/** https://docs.adyen.com/development-resources/webhooks/webhook-types#webhook-structure; without its signature */
const standard = ({ type, id, now }: Occasion, more: Partial<Item>) =>
  JSON.stringify({
    live: 'false',
    notificationItems: [
      {
        NotificationRequestItem: {
          additionalData: {},
          amount: { value: 1130, currency: 'EUR' },
          eventCode: type,
          eventDate: now.toISOString(),
          merchantAccountCode: 'TestMerchant',
          merchantReference: 'TestPayment-1407325143704',
          paymentMethod: 'visa',
          pspReference: id.replaceAll('-', '').slice(-16).toUpperCase(),
          success: 'true',
          ...more,
        },
      },
    ],
  })

/** The string that is signed of an item. */
function signedText(item: Item): string {
  const { pspReference, originalReference = '', merchantAccountCode, merchantReference, amount, eventCode } = item
  return [
    ...[pspReference, originalReference, merchantAccountCode, merchantReference],
    ...[amount.value, amount.currency, eventCode, item.success],
  ].join(':')
}

export const adyen: Sampler = {
  events: {
    AUTHORISATION: (occasion) => standard(occasion, { reason: '033899:1111:03/2030' }),
    CAPTURE: (occasion) => standard(occasion, { originalReference: '7914073381342284' }),
    REFUND: (occasion) => standard(occasion, { originalReference: '7914073381342284', success: 'false' }),
    // https://docs.adyen.com/api-explorer/transfer-webhooks
    'balancePlatform.transfer.updated': ({ type, id, now }) =>
      JSON.stringify({
        data: {
          balancePlatform: 'YOUR_BALANCE_PLATFORM',
          id,
          amount: { currency: 'EUR', value: 110000 },
          category: 'bank',
          direction: 'outgoing',
          sequenceNumber: 1,
          status: 'booked',
        },
        environment: 'test',
        timestamp: now.toISOString(),
        type,
      }),
  },
  invent() {
    const hmac_key = randomBytes(32).toString('hex').toUpperCase()
    return { signing_key: hmac_key, credentials: { hmac_key } }
  },
  sign(body, { type }, { signing_key }) {
    const code = (signed: string | Uint8Array) =>
      createHmac('sha256', Buffer.from(signing_key, 'hex')).update(signed).digest('base64')
    const headers = { 'content-type': 'application/json; charset=utf-8', 'user-agent': 'Adyen HttpClient 1.0' }
    if (type.includes('.')) return { headers: { ...headers, hmacsignature: code(body), protocol: 'HmacSHA256' } }
    const payload: { notificationItems: { NotificationRequestItem: Item }[] } = JSON.parse(Buffer.from(body).toString())
    for (const { NotificationRequestItem: item } of payload.notificationItems)
      item.additionalData = { hmacSignature: code(signedText(item)) }
    return { headers, body: Buffer.from(JSON.stringify(payload)) }
  },
}
