/** What Cloudflare asks, Workers Paid plan, beyond what the plan includes. Dollars per million unless it says otherwise. */

export const PRICES = {
  // developers.cloudflare.com/workers/platform/pricing, read 2026-11
  worker_requests: 0.3,
  worker_cpu_ms: 0.02,
  // developers.cloudflare.com/durable-objects/platform/pricing, read 2026-11. Alarms and RPC calls are
  // requests; a row deleted and an alarm set are each a row written.
  object_requests: 0.15,
  object_gb_s: 12.5,
  object_rows_written: 1,
  object_rows_read: 0.001,
  // developers.cloudflare.com/d1/platform/pricing, as cited by others in 2026; not seen at the source
  d1_rows_written: 1,
  d1_rows_read: 0.001,
  // developers.cloudflare.com/queues/platform/pricing, as cited by others in 2026; not seen at the source
  queue_operations: 0.4,
  // developers.cloudflare.com/analytics/analytics-engine/pricing: published, and not yet billed
  analytics_points: 0.25,
  // developers.cloudflare.com/workers/observability/logs/workers-logs: from memory, unverified
  log_events: 0.6,
}

export type Operation = keyof typeof PRICES

/** An object is billed as if it held this much, whatever it holds. */
export const OBJECT_GB = 0.128
