import { createApp } from './app.ts'
import type { Bindings } from './env.ts'
import { consume } from './queues/consumer.ts'

export { Courier } from '../durable-objects/endpoint/courier.ts'
export { Endpoint } from '../durable-objects/endpoint/endpoint.ts'

const app = createApp()

export default {
  fetch: (request, env, ctx) => app.fetch(request, env, ctx),
  queue: (batch, env) => consume(batch, env, () => Date.now()),
} satisfies ExportedHandler<Bindings>
