import { createHmac, randomBytes } from 'node:crypto'
import { orders, SELECTORS } from './orders.ts'
import type { Sampler } from './sampler.ts'

export const hmac: Sampler = {
  events: orders,
  invent() {
    const secret = randomBytes(32).toString('hex')
    const settings = {
      header: 'x-signature',
      prefix: 'sha256=',
      content: '{timestamp}.{body}',
      timestamp_header: 'x-timestamp',
      ...SELECTORS,
    }
    return { signing_key: secret, credentials: { secret }, settings }
  },
  sign(body, { now }, { signing_key }) {
    const timestamp = String(Math.floor(now.getTime() / 1000))
    const code = createHmac('sha256', signing_key).update(`${timestamp}.`).update(body).digest('hex')
    return {
      headers: {
        'content-type': 'application/json',
        'x-timestamp': timestamp,
        'x-signature': `sha256=${code}`,
      },
    }
  },
}
