/**
 * Postern on a platform that can be told to fail: the same handlers and classes, which get bindings
 * that a test controls. Bundled for the end-to-end tests alone; nothing in `src` knows of it.
 */
import { Courier as PosternCourier } from '../../../durable-objects/endpoint/courier.ts'
import { Endpoint as PosternEndpoint } from '../../../durable-objects/endpoint/endpoint.ts'
import { Quota as PosternQuota } from '../../../durable-objects/quota/quota.ts'
import type { Bindings } from '../../../src/env.ts'
import postern from '../../../src/index.ts'
import { withFaults } from './bindings.ts'
import { CONTROL_PATH, type FaultPlan } from './plan.ts'
import { readStrikes, setPlan } from './strike.ts'

export class Endpoint extends PosternEndpoint {
  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, withFaults(env))
  }
}

export class Courier extends PosternCourier {
  constructor(ctx: ExecutionContext, env: Bindings) {
    super(ctx, withFaults(env))
  }
}

export class Quota extends PosternQuota {
  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, withFaults(env))
  }
}

export default {
  fetch: (request, env, ctx) => {
    if (new URL(request.url).pathname === CONTROL_PATH) return control(request)
    return postern.fetch(request, withFaults(env), ctx)
  },
  queue: (batch, env) => postern.queue(batch, withFaults(env)),
} satisfies ExportedHandler<Bindings>

async function control(request: Request): Promise<Response> {
  if (request.method === 'PUT') setPlan(await request.json<FaultPlan>())
  return Response.json(readStrikes())
}
