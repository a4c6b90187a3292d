import { z } from '@hono/zod-openapi'
import type { BreakerView } from '../../durable-objects/endpoint/rpc.ts'
import { record } from '../audit/audited.ts'
import type { Deps } from '../deps.ts'
import type { TenantAccess } from '../http/access.ts'
import type { Problem } from '../http/problems.ts'
import { time, toTimeOrNull } from '../http/time.ts'
import { ok, type Result } from '../lib/result.ts'
import { callLanes, type Reachable } from './call-lanes.ts'
import { requireEndpoint } from './find-endpoint.ts'
import { workingLanes } from './lanes.ts'
import type { EndpointStub } from './stub.ts'

export async function readBreaker(
  deps: Deps,
  access: TenantAccess,
  endpoint_id: string,
): Promise<Result<BreakerView, Problem>> {
  const endpoint = await requireEndpoint(deps, access, endpoint_id)
  return endpoint.ok ? ok(await ask(deps, endpoint.value, (stub) => stub.breaker())) : endpoint
}

/** Closes the breaker now, for someone who has mended the receiver and does not want to wait for the probe. */
export async function resetBreaker(
  deps: Deps,
  access: TenantAccess,
  endpoint_id: string,
): Promise<Result<BreakerView, Problem>> {
  const endpoint = await requireEndpoint(deps, access, endpoint_id)
  if (!endpoint.ok) return endpoint
  const noted = await record(deps, access.tenant.id, { action: 'endpoint.breaker.reset', target: endpoint_id })
  return noted.ok ? ok(await ask(deps, endpoint.value, (stub) => stub.resetBreaker())) : noted
}

async function ask(
  { env }: Deps,
  endpoint: Reachable,
  call: (stub: EndpointStub) => Promise<BreakerView>,
): Promise<BreakerView> {
  return merge(await callLanes(env, endpoint, call, workingLanes(endpoint.layout)))
}

const WORST_FIRST = ['open', 'half_open', 'closed'] as const

/** Each lane has a breaker of its own. Shown is that of the lane which is worst off, with the sums of all. */
function merge(breakers: readonly BreakerView[]): BreakerView {
  const [worst] = breakers.toSorted(
    (a, b) =>
      WORST_FIRST.indexOf(a.state) - WORST_FIRST.indexOf(b.state) || b.consecutive_failures - a.consecutive_failures,
  )
  if (worst === undefined) throw new Error('an endpoint has at least one lane')
  const sum = (of: 'max_in_flight' | 'in_flight' | 'unfinished') => breakers.reduce((all, one) => all + one[of], 0)
  return { ...worst, max_in_flight: sum('max_in_flight'), in_flight: sum('in_flight'), unfinished: sum('unfinished') }
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
