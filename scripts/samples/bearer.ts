import { randomBytes } from 'node:crypto'
import { orders, SELECTORS } from './orders.ts'
import type { Sampler } from './sampler.ts'

export const bearer: Sampler = {
  events: orders,
  invent() {
    const token = randomBytes(32).toString('hex')
    return { signing_key: token, credentials: { token }, settings: SELECTORS }
  },
  sign: (_body, _occasion, { signing_key }) => ({
    headers: { 'content-type': 'application/json', authorization: `Bearer ${signing_key}` },
  }),
}
