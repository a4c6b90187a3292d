import { z } from '@hono/zod-openapi'
import { ProblemError, problem } from '../http/problems.ts'
import { defineRoute, jsonAnswer } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { takeBody } from '../http/take-body.ts'
import { aliveSchema, healthSchema, toHealthJson } from './contract.ts'
import { isCanary } from './echo.ts'
import { readHealth } from './look.ts'

const RETRY_AFTER_S = '5'
/** A canary has some hundred. */
const ECHO_BYTES_MAX = 4096

const tags = ['Health']
const problemOf = (description: string) => ({ description, content: { 'application/problem+json': {} } })

export const healthRoutes = createRouter()

healthRoutes.openapi(
  defineRoute({
    method: 'get',
    path: '/healthz',
    permission: 'public',
    tags,
    summary: 'Alive?',
    responses: { 200: jsonAnswer(aliveSchema, 'The Worker answers') },
  }),
  (c) => c.json({ status: 'ok' as const }, 200),
)

healthRoutes.openapi(
  defineRoute({
    method: 'get',
    path: '/readyz',
    permission: 'public',
    tags,
    summary: 'Ready?',
    description: 'How each part is that Postern stands on, as seen at most 5 s ago; see docs/monitoring-guide.md.',
    responses: {
      200: jsonAnswer(healthSchema, 'Messages are accepted: `ok` or `degraded`'),
      503: jsonAnswer(healthSchema, 'They are not: `down`'),
    },
  }),
  async (c) => {
    const health = toHealthJson(await readHealth(c.var.deps))
    return health.status === 'down' ? c.json(health, 503, { 'retry-after': RETRY_AFTER_S }) : c.json(health, 200)
  },
)

healthRoutes.openapi(
  defineRoute({
    method: 'post',
    path: '/canary/echo',
    permission: 'public',
    // It is called from where all Workers call, and somebody else's could use the limit up.
    limits_address: false,
    is_audited: false,
    tags,
    summary: 'Where the canary arrives',
    description: 'For Postern itself: verifies a message as a receiver does, and keeps nothing. Only with CANARY_URL.',
    request: { body: { content: { '*/*': { schema: z.string().openapi({ format: 'binary' }) } } } },
    responses: {
      204: { description: 'It is signed by this deployment' },
      400: problemOf('The body broke off'),
      401: problemOf('It is not'),
      404: problemOf('No canary flies here'),
      408: problemOf('The body came too slowly'),
      413: problemOf('The body is too large'),
      415: problemOf('The body is compressed'),
      503: problemOf('The database does not answer'),
    },
  }),
  async (c) => {
    if (c.var.deps.settings.canary_url === null) throw new ProblemError(problem('not_found', 'no canary flies here'))
    const { method, url, headers } = c.req.raw
    const body = await takeBody(c, ECHO_BYTES_MAX)
    if (!(await isCanary(c.var.deps, { method, url, headers, body })))
      throw new ProblemError(problem('verification_failed', 'this is not the canary of this deployment'))
    return c.body(null, 204)
  },
)
