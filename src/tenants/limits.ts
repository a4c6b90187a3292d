import type { TenantLimits } from './table.ts'

export type Limits = { [K in keyof TenantLimits]-?: Exclude<TenantLimits[K], undefined> }

/** What a tenant may have unless the operator says otherwise. */
const DEFAULT_LIMITS: Limits = {
  endpoints: 100,
  event_types: 1000,
  keys: 100,
  // Without a quota nothing is counted, and publishing makes no call for it.
  messages_burst: null,
  messages_per_month: null,
  messages_per_second: null,
  payload_bytes: 256 * 1024,
  schema_bytes: 256 * 1024,
  sources: 100,
  unfinished_per_endpoint: 1_000_000,
}

export function resolveLimits(overrides: TenantLimits): Limits {
  return { ...DEFAULT_LIMITS, ...(overrides as Partial<Limits>) }
}
