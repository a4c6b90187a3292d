import { createApp } from './app.ts'
import { createDeps } from './deps.ts'
import type { Bindings } from './env.ts'
import { consume } from './queues/consumer.ts'
import { runScheduled } from './scheduled.ts'

export { Courier } from '../durable-objects/endpoint/courier.ts'
export { Endpoint } from '../durable-objects/endpoint/endpoint.ts'
export { Quota } from '../durable-objects/quota/quota.ts'

const app = createApp()

export default {
  fetch: (request, env, ctx) => app.fetch(request, env, ctx),
  queue: (batch, env, ctx) =>
    consume(
      batch,
      createDeps(env, (work) => ctx.waitUntil(work)),
    ),
  scheduled: (controller, env, ctx) =>
    runScheduled(
      controller,
      createDeps(env, (work) => ctx.waitUntil(work)),
    ),
} satisfies ExportedHandler<Bindings>
