import type { TenantLimits } from './table.ts'

export type Limits = { [K in keyof Required<TenantLimits>]: number }

/** What a tenant may have unless the operator says otherwise. */
const DEFAULT_LIMITS: Limits = {
  endpoints: 100,
  event_types: 1000,
  keys: 100,
  payload_bytes: 256 * 1024,
  schema_bytes: 256 * 1024,
  unfinished_per_endpoint: 1_000_000,
}

export function resolveLimits(overrides: TenantLimits): Limits {
  return { ...DEFAULT_LIMITS, ...(overrides as Partial<Limits>) }
}
