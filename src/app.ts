import { requestId } from 'hono/request-id'
import { secureHeaders } from 'hono/secure-headers'
import { auditRoutes } from './audit/routes.ts'
import { deadLetterRoutes } from './dead-letters/routes.ts'
import { deliveryRoutes } from './deliveries/routes.ts'
import { createDeps } from './deps.ts'
import { mountDocs } from './docs/routes.ts'
import { endpointRoutes } from './endpoints/routes.ts'
import { eventTypeRoutes } from './event-types/routes.ts'
import { healthRoutes } from './health/routes.ts'
import { answerError, answerNotFound } from './http/errors.ts'
import { createRouter } from './http/router.ts'
import { operatorKeyRoutes } from './keys/operator-routes.ts'
import { keyRoutes } from './keys/routes.ts'
import { messageRoutes } from './messages/routes.ts'
import { tenantRoutes } from './tenants/routes.ts'

/** The whole HTTP surface of Postern. Who may use a route is part of its contract (`defineRoute`). */
export function createApp() {
  const app = createRouter()

  app.use(requestId({ limitLength: 128 }))
  app.use(secureHeaders())
  app.use(async function prepare(c, next) {
    c.set(
      'deps',
      createDeps(c.env, (work) => c.executionCtx.waitUntil(work)),
    )
    await next()
  })
  app.onError(answerError)
  app.notFound(answerNotFound(() => app.routes))

  app.route('/', messageRoutes)
  app.route('/', deliveryRoutes)
  app.route('/', deadLetterRoutes)
  app.route('/', endpointRoutes)
  app.route('/', eventTypeRoutes)
  app.route('/', keyRoutes)
  app.route('/', operatorKeyRoutes)
  app.route('/', tenantRoutes)
  app.route('/', auditRoutes)
  app.route('/', healthRoutes)
  mountDocs(app)

  return app
}
