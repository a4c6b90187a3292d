/**
 * What Cloudflare asks on the Workers Paid plan. Each as it stood in the source of its page, in the stored copy of
 * cloudflare/cloudflare-docs that was read on 2026-11-24: look at the page again before you sign anything.
 */

const MILLION = 1_000_000

interface Rate {
  /** For one `per`, beyond what is included. */
  dollars: number
  /** How many make one unit of the price list. */
  per: number
  /** Each month, for the whole account. */
  included: number
  url: string
}

/** Each account on the Workers Paid plan, whatever it uses. */
export const PLAN_DOLLARS = 5
export const PRICES_READ_ON = '2026-11-24'

const WORKERS = 'https://developers.cloudflare.com/workers/platform/pricing/'
const OBJECTS = 'https://developers.cloudflare.com/durable-objects/platform/pricing/'
const D1 = 'https://developers.cloudflare.com/d1/platform/pricing/'
const QUEUES = 'https://developers.cloudflare.com/queues/platform/pricing/'
const R2 = 'https://developers.cloudflare.com/r2/pricing/'

/** What is counted. */
export const OPERATION_RATES = {
  worker_requests: { dollars: 0.3, per: MILLION, included: 10 * MILLION, url: WORKERS },
  worker_cpu_ms: { dollars: 0.02, per: MILLION, included: 30 * MILLION, url: WORKERS },
  // Alarms and RPC calls are requests; a row deleted and an alarm set are each a row written.
  object_requests: { dollars: 0.15, per: MILLION, included: MILLION, url: OBJECTS },
  object_gb_s: { dollars: 12.5, per: MILLION, included: 400_000, url: OBJECTS },
  object_rows_written: { dollars: 1, per: MILLION, included: 50 * MILLION, url: OBJECTS },
  object_rows_read: { dollars: 0.001, per: MILLION, included: 25_000 * MILLION, url: OBJECTS },
  d1_rows_written: { dollars: 1, per: MILLION, included: 50 * MILLION, url: D1 },
  d1_rows_read: { dollars: 0.001, per: MILLION, included: 25_000 * MILLION, url: D1 },
  queue_operations: { dollars: 0.4, per: MILLION, included: MILLION, url: QUEUES },
  r2_class_a: { dollars: 4.5, per: MILLION, included: MILLION, url: R2 },
  r2_class_b: { dollars: 0.36, per: MILLION, included: 10 * MILLION, url: R2 },
  // From 2026-12-01 on this is replaced by https://developers.cloudflare.com/observability/pricing/, which was not to be had.
  log_events: {
    dollars: 0.6,
    per: MILLION,
    included: 20 * MILLION,
    url: 'https://developers.cloudflare.com/workers/observability/logs/workers-logs/',
  },
  // Published, and "currently, you will not be billed".
  analytics_points: {
    dollars: 0.25,
    per: MILLION,
    included: 10 * MILLION,
    url: 'https://developers.cloudflare.com/analytics/analytics-engine/pricing/',
  },
} as const satisfies Record<string, Rate>

/** What is kept, in bytes; the price is for a GB of 1,000,000,000 bytes and a month. */
export const STORAGE_RATES = {
  d1: { dollars: 0.75, per: 1e9, included: 5e9, url: D1 },
  objects: { dollars: 0.2, per: 1e9, included: 5e9, url: OBJECTS },
  r2: { dollars: 0.015, per: 1e9, included: 10e9, url: R2 },
} as const satisfies Record<string, Rate>

export type Operation = keyof typeof OPERATION_RATES
export type Store = keyof typeof STORAGE_RATES

/** An object is billed as if it held this much, whatever it holds. */
export const OBJECT_GB = 0.128

/** Dollars for that much in a month; without `included`, what the next unit of it costs an account that has used that up. */
export function price(quantity: number, rate: Rate, of: 'account' | 'list'): number {
  const billed = of === 'account' ? Math.max(0, quantity - rate.included) : quantity
  return (billed / rate.per) * rate.dollars
}
