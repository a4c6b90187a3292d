import Stripe from 'stripe'
import { stripe as sampler } from '../../../scripts/samples/stripe.ts'
import { stripe as provider } from '../../../src/sources/providers/stripe.ts'
import { describeScheme } from './scheme.ts'

const { webhooks } = Stripe

describeScheme('Stripe', {
  provider,
  sampler,
  sign(body, { now }, { signing_key: secret }) {
    const timestamp = Math.floor(now.getTime() / 1000)
    const payload = new TextDecoder().decode(body)
    const header = webhooks.generateTestHeaderString({ payload, secret, timestamp })
    return { headers: { 'stripe-signature': header } }
  },
  believes({ body, headers }, { signing_key }, now) {
    const signature = headers.get('stripe-signature') ?? ''
    return webhooks.constructEvent(Buffer.from(body), signature, signing_key, 300, undefined, now.getTime())
  },
  signs: 'text',
  signature_headers: ['stripe-signature'],
  is_timed: true,
  covers_body: true,
})
