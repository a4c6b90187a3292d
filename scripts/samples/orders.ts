import type { Occasion, Sampler } from './sampler.ts'

const event = ({ type, id, now }: Occasion, data: Record<string, unknown>) =>
  JSON.stringify({ id, type, created_at: now.toISOString(), data })

/** Events of nobody in particular. */
export const orders: Sampler['events'] = {
  'order.created': (occasion) => event(occasion, { order: 1842, total: '42.00', currency: 'EUR' }),
  'order.cancelled': (occasion) => event(occasion, { order: 1842, reason: 'customer' }),
}

/** Where these say what they are. */
export const SELECTORS = { event_id: { body: '/id' }, event_type: { body: '/type' } }
