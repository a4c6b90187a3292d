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
import { CONTROL_PATH, CRON_PATH, type FaultPlan } from './plan.ts'
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
    const url = new URL(request.url)
    if (url.pathname === CRON_PATH) return runCron(url, env, ctx)
    if (url.pathname === CONTROL_PATH) return control(request)
    return postern.fetch(request, withFaults(env), ctx)
  },
  queue: (batch, env, ctx) => postern.queue(batch, withFaults(env), ctx),
} satisfies ExportedHandler<Bindings>

/** What the platform does when it is time. */
async function runCron(url: URL, env: Bindings, ctx: ExecutionContext): Promise<Response> {
  const cron = url.searchParams.get('cron') ?? ''
  try {
    await postern.scheduled({ cron, scheduledTime: Date.now(), noRetry: () => {} }, withFaults(env), ctx)
    return new Response('done')
  } catch {
    return new Response('failed', { status: 500 })
  }
}

async function control(request: Request): Promise<Response> {
  if (request.method === 'PUT') setPlan(await request.json<FaultPlan>())
  return Response.json(readStrikes())
}
