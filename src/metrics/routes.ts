import { z } from '@hono/zod-openapi'
import type { Deps } from '../deps.ts'
import { defineRoute } from '../http/route.ts'
import { createRouter } from '../http/router.ts'
import { Outage } from '../lib/outage.ts'
import { StaleCache } from '../lib/stale-cache.ts'
import { report } from '../report.ts'
import { VERSION } from '../version.ts'
import { OPENMETRICS, toExposition } from './exposition.ts'
import { toGauges } from './gauges.ts'
import { type GatewayNumbers, readGateway } from './read-gateway.ts'

/** Less than Prometheus waits, which is 10 s unless told otherwise. */
const READ_WITHIN_MS = 4000

/** Several may scrape, and one may scrape every second. Older numbers say when they were read. */
const cache = new StaleCache<GatewayNumbers>(
  { fresh_ms: 10_000, refresh_after_ms: 10_000, stale_ms: 60_000, size_max: 1 },
  () => 1,
)

export const metricsRoutes = createRouter()

metricsRoutes.openapi(
  defineRoute({
    method: 'get',
    path: '/metrics',
    permission: 'metrics.read',
    tags: ['Health'],
    summary: 'Metrics for Prometheus',
    description:
      'In OpenMetrics text, at most 10 seconds old while the database answers; see docs/monitoring-guide.md.',
    responses: { 200: { description: 'All metrics', content: { [OPENMETRICS]: { schema: z.string() } } } },
  }),
  async (c) => {
    const { deps } = c.var
    const unheard = (error: unknown) => report(deps, 'metrics.stale', error)
    const numbers = await cache.get('gateway', () => readInTime(deps), deps.now, deps.waitUntil, unheard)
    const build = { version: VERSION, environment: deps.settings.environment }
    return c.body(toExposition(toGauges(numbers, build, deps.now())), 200, { 'content-type': OPENMETRICS })
  },
)

async function readInTime(deps: Deps): Promise<GatewayNumbers> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Outage('the database did not answer in time')), READ_WITHIN_MS)
  })
  try {
    return await Promise.race([readGateway(deps), late])
  } finally {
    clearTimeout(timer)
  }
}
