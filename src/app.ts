import { requestId } from 'hono/request-id'
import { auditRoutes } from './audit/routes.ts'
import { deadLetterRoutes } from './dead-letters/routes.ts'
import { deliveryRoutes } from './deliveries/routes.ts'
import { createDeps } from './deps.ts'
import { mountDocs } from './docs/routes.ts'
import { endpointRoutes } from './endpoints/routes.ts'
import { eventTypeRoutes } from './event-types/routes.ts'
import { healthRoutes } from './health/routes.ts'
import { answerError, answerNotFound } from './http/errors.ts'
import { limitRequest } from './http/limit-request.ts'
import { logAnswers } from './http/request-log.ts'
import { createRouter } from './http/router.ts'
import { securityHeaders } from './http/security-headers.ts'
import { operatorKeyRoutes } from './keys/operator-routes.ts'
import { keyRoutes } from './keys/routes.ts'
import { logs } from './lib/log.ts'
import { receiveTrace } from './lib/trace-context.ts'
import { masterKeyRoutes } from './master-keys/routes.ts'
import { messageRoutes } from './messages/routes.ts'
import { metricsRoutes } from './metrics/routes.ts'
import { quotaRoutes } from './quotas/routes.ts'
import { redactionRoutes } from './redaction/routes.ts'
import { sourceFailureRoutes } from './sources/failure-routes.ts'
import { inRoutes } from './sources/in-routes.ts'
import { sourceRoutes } from './sources/routes.ts'
import { enrolmentRoutes } from './step-up/enrolment-routes.ts'
import { stepUpRoutes } from './step-up/routes.ts'
import { subjectRoutes } from './subjects/routes.ts'
import { tenantRoutes } from './tenants/routes.ts'

/** The whole HTTP surface of Postern. Who may use a route is part of its contract (`defineRoute`). */
export function createApp() {
  const app = createRouter()

  app.use(requestId({ limitLength: 128 }))
  app.use(securityHeaders)
  if (logs('debug')) app.use(logAnswers)
  app.use(limitRequest)
  app.use(async function prepare(c, next) {
    const deps = createDeps(c.env, (work) => c.executionCtx.waitUntil(work))
    c.set('deps', { ...deps, trace: receiveTrace(c.req.raw.headers, deps.random) })
    await next()
  })
  app.onError(answerError)
  app.notFound(answerNotFound(() => app.routes))

  app.route('/', inRoutes)
  app.route('/', messageRoutes)
  app.route('/', deliveryRoutes)
  app.route('/', deadLetterRoutes)
  app.route('/', endpointRoutes)
  app.route('/', sourceRoutes)
  app.route('/', sourceFailureRoutes)
  app.route('/', subjectRoutes)
  app.route('/', eventTypeRoutes)
  app.route('/', redactionRoutes)
  app.route('/', keyRoutes)
  app.route('/', operatorKeyRoutes)
  app.route('/', enrolmentRoutes)
  app.route('/', stepUpRoutes)
  app.route('/', tenantRoutes)
  app.route('/', quotaRoutes)
  app.route('/', masterKeyRoutes)
  app.route('/', auditRoutes)
  app.route('/', healthRoutes)
  app.route('/', metricsRoutes)
  mountDocs(app)

  return app
}
