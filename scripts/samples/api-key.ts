import { randomBytes } from 'node:crypto'
import { orders, SELECTORS } from './orders.ts'
import type { Sampler } from './sampler.ts'

export const api_key: Sampler = {
  events: orders,
  invent() {
    const key = randomBytes(32).toString('hex')
    return { signing_key: key, credentials: { key }, settings: { header: 'x-api-key', ...SELECTORS } }
  },
  sign: (_body, _occasion, { signing_key }) => ({
    headers: { 'content-type': 'application/json', 'x-api-key': signing_key },
  }),
}
