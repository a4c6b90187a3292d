import { z } from '@hono/zod-openapi'
import { ProblemError, problem } from '../http/problems.ts'
import { defineRoute, jsonAnswer } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { Outage } from '../lib/outage.ts'
import { report } from '../report.ts'

const READY_WITHIN_MS = 1000

const statusSchema = z.object({ status: z.literal('ok') })
const tags = ['Health']

export const healthRoutes = createRouter()

healthRoutes.openapi(
  defineRoute({
    method: 'get',
    path: '/healthz',
    permission: 'public',
    tags,
    summary: 'Alive?',
    responses: { 200: jsonAnswer(statusSchema, 'The Worker answers') },
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
    responses: {
      200: jsonAnswer(statusSchema, 'The database answers'),
      503: { description: 'It does not (a problem with code `unavailable`)' },
    },
  }),
  async (c) => {
    const late = scheduler.wait(READY_WITHIN_MS).then(() => Promise.reject(new Outage('no answer in time')))
    try {
      await Promise.race([c.env.DB.prepare('SELECT 1').first(), late])
    } catch (error) {
      // Anybody may ask, so the cause is for the log alone.
      report(c.var.deps, 'health.not_ready', error)
      const headers = { 'retry-after': '5' }
      throw new ProblemError(problem('unavailable', 'the database does not answer', { headers }))
    }
    return c.json({ status: 'ok' as const }, 200)
  },
)
