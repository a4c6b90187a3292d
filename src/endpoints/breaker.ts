import { z } from '@hono/zod-openapi'
import type { BreakerView } from '../../durable-objects/endpoint/rpc.ts'
import type { Deps } from '../deps.ts'
import type { TenantAccess } from '../http/access.ts'
import type { Problem } from '../http/problems.ts'
import { time, toTimeOrNull } from '../http/time.ts'
import { ok, type Result } from '../lib/result.ts'
import { requireEndpoint } from './find-endpoint.ts'
import { callEndpoint } from './stub.ts'

export async function readBreaker(
  deps: Deps,
  access: TenantAccess,
  endpoint_id: string,
): Promise<Result<BreakerView, Problem>> {
  const owned = await requireEndpoint(deps, access, endpoint_id)
  return owned.ok ? ok(await callEndpoint(deps.env, endpoint_id, (stub) => stub.breaker())) : owned
}

/** Closes the breaker now, for someone who has mended the receiver and does not want to wait for the probe. */
export async function resetBreaker(
  deps: Deps,
  access: TenantAccess,
  endpoint_id: string,
): Promise<Result<BreakerView, Problem>> {
  const owned = await requireEndpoint(deps, access, endpoint_id)
  return owned.ok ? ok(await callEndpoint(deps.env, endpoint_id, (stub) => stub.resetBreaker())) : owned
}

export const breakerSchema = z
  .object({
    state: z.enum(['closed', 'open', 'half_open']),
    consecutive_failures: z.int(),
    openings: z.int().openapi({ description: 'Openings in a row without a full recovery' }),
    opened_at: time.nullable(),
    open_until: time.nullable().openapi({ description: 'When the probe may go' }),
    max_in_flight: z
      .int()
      .openapi({ description: 'Attempts allowed at once right now: few after it has closed, then more' }),
    in_flight: z.int(),
    failing_since: time.nullable().openapi({ description: 'First failure since the last success' }),
    unfinished: z.int().openapi({ description: 'Deliveries that have not ended' }),
  })
  .openapi('Breaker')

export function toBreakerJson(breaker: BreakerView) {
  return {
    ...breaker,
    opened_at: toTimeOrNull(breaker.opened_at),
    open_until: toTimeOrNull(breaker.open_until),
    failing_since: toTimeOrNull(breaker.failing_since),
  }
}
