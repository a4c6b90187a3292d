import { randomBytes } from 'node:crypto'
import { orders, SELECTORS } from './orders.ts'
import type { Sampler } from './sampler.ts'

export const basic: Sampler = {
  events: orders,
  invent() {
    const [username, password] = ['postern', randomBytes(24).toString('hex')]
    return { signing_key: `${username}:${password}`, credentials: { username, password }, settings: SELECTORS }
  },
  sign(_body, _occasion, { signing_key }) {
    const authorization = `Basic ${Buffer.from(signing_key).toString('base64')}`
    return { headers: { 'content-type': 'application/json', authorization } }
  },
}
