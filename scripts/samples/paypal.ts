import { createHash, createPrivateKey, createPublicKey, createSign, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { inventCertificate } from './certificate.ts'
import type { Occasion, Sampler } from './sampler.ts'

/** https://developer.paypal.com/api/rest/webhooks/event-names/ */
const event = (
  { type, id, now }: Occasion,
  resource_type: string,
  summary: string,
  resource: Record<string, unknown>,
) =>
  JSON.stringify({
    id: `WH-${id.replaceAll('-', '').slice(-17).toUpperCase()}-67976317FL4543714`,
    event_version: '1.0',
    create_time: now.toISOString(),
    resource_type,
    resource_version: '2.0',
    event_type: type,
    summary,
    resource,
    links: [],
  })

export const paypal: Sampler = {
  events: {
    'PAYMENT.CAPTURE.COMPLETED': (occasion) =>
      event(occasion, 'capture', 'Payment completed for $ 2.51 USD', {
        id: '42311647XV020574X',
        amount: { currency_code: 'USD', value: '2.51' },
        status: 'COMPLETED',
      }),
    'CHECKOUT.ORDER.APPROVED': (occasion) =>
      event(occasion, 'checkout-order', 'An order has been approved by buyer', {
        id: '5O190127TN364715T',
        intent: 'CAPTURE',
        status: 'APPROVED',
      }),
    'BILLING.SUBSCRIPTION.CANCELLED': (occasion) =>
      event(occasion, 'subscription', 'Subscription cancelled', { id: 'I-BW452GLLEP1G', status: 'CANCELLED' }),
  },
  async invent() {
    const { private_key, certificate } = await inventCertificate('messageverificationcerts.sandbox.paypal.com')
    const webhook_id = randomBytes(9).toString('hex').slice(1).toUpperCase()
    return { signing_key: private_key, credentials: {}, settings: { webhook_id, certificate } }
  },
  sign(body, { id, now }, { signing_key, settings }) {
    const time = `${now.toISOString().slice(0, 19)}Z`
    const content = [id, time, settings?.webhook_id, crc32(body)].join('|')
    const public_key = createPublicKey(createPrivateKey(signing_key)).export({ type: 'spki', format: 'der' })
    const number = createHash('sha256').update(public_key).digest('hex').slice(0, 24)
    return {
      headers: {
        'content-type': 'application/json',
        'user-agent': 'PayPal/AUHR-214.0-58900519',
        'paypal-auth-algo': 'SHA256withRSA',
        'paypal-auth-version': 'v2',
        'paypal-cert-url': `https://api.sandbox.paypal.com/v1/notifications/certs/CERT-${number}`,
        'paypal-transmission-id': id,
        'paypal-transmission-time': time,
        'paypal-transmission-sig': createSign('RSA-SHA256').update(content).sign(signing_key, 'base64'),
      },
    }
  },
}
