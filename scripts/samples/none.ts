import { orders, SELECTORS } from './orders.ts'
import type { Sampler } from './sampler.ts'

export const none: Sampler = {
  events: orders,
  invent: () => ({ signing_key: '', credentials: {}, settings: SELECTORS }),
  sign: () => ({ headers: { 'content-type': 'application/json' } }),
}
