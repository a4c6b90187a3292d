/** Looks at each part that Postern stands on, all at once and none for long. */
import type { Deps } from '../deps.ts'
import { callEndpoint } from '../endpoints/stub.ts'
import { Outage } from '../lib/outage.ts'
import { withPatience } from '../lib/patience.ts'
import { StaleCache } from '../lib/stale-cache.ts'
import { report } from '../report.ts'
import { loadProgress } from '../retention/progress.ts'
import { CANARY_ENDPOINT } from './canary-nest.ts'
import { type CanaryHealth, type Flight, judgeFlight } from './flight.ts'
import { judgeParts, type Part, type PartHealth, type Readiness } from './readiness.ts'

/** Of each part. A monitor waits a few seconds, and a part that takes longer than this is no use to a publisher. */
const LIMIT_MS = 1000
/** Anybody may ask as often as they like, and the parts must not notice. */
const FRESH_MS = 5000
/** Read and not there: R2 has to look it up all the same. */
const PAYLOAD_NEVER_STORED = 'health/none'

export interface Health extends Readiness {
  checked_at: number
  parts: Record<Part, PartHealth>
  canary: CanaryHealth
}

const seen = new StaleCache<Health>(
  { fresh_ms: FRESH_MS, refresh_after_ms: FRESH_MS, stale_ms: FRESH_MS, size_max: 1 },
  () => 1,
)

/** How everything is, as this isolate saw it at most 5 s ago. Never throws. */
export function readHealth(deps: Deps): Promise<Health> {
  return seen.get('', () => look(deps), deps.now, deps.waitUntil)
}

async function look(deps: Deps): Promise<Health> {
  const { env, settings } = deps
  const checked_at = deps.now()
  let flight: Flight | null | undefined
  const [database, endpoints, queues, payloads] = await Promise.all([
    // Says whether D1 answers, and what the canary has left there.
    time(deps, 'database', async () => {
      flight = await loadProgress<Flight>(deps, 'canary')
    }),
    // One object stands for all: the canary's, which reads nothing to answer this, even where no canary flies.
    time(deps, 'endpoints', () => callEndpoint(env, CANARY_ENDPOINT, (stub) => stub.breaker())),
    time(deps, 'queues', () =>
      Promise.all([env.FANOUT, env.RETRIES, env.RELEASES, env.DEAD_LETTERS].map((queue) => queue.metrics())),
    ),
    time(deps, 'payloads', () => env.PAYLOADS.head(PAYLOAD_NEVER_STORED)),
  ])
  const parts = { database, endpoints, queues, payloads }
  const canary = judgeFlight(flight, settings.canary_url !== null, checked_at)
  return { ...judgeParts(parts, canary), checked_at, parts, canary }
}

/** Anybody may ask, so the cause is for the log alone. */
async function time(deps: Deps, part: Part, ask: () => Promise<unknown>): Promise<PartHealth> {
  const started_at = deps.now()
  const asked = attempt(ask)
  const end = await withPatience(asked, LIMIT_MS, 'timeout' as const)
  const latency_ms = deps.now() - started_at
  if (end === 'ok') return { status: 'ok', latency_ms }
  const error = end === 'timeout' ? new Outage(`no answer within ${LIMIT_MS} ms`) : end.error
  report(deps, 'health.not_ready', error, { part })
  return { status: end === 'timeout' ? 'timeout' : 'failed', latency_ms }
}

async function attempt(ask: () => Promise<unknown>): Promise<'ok' | { error: unknown }> {
  try {
    await ask()
    return 'ok'
  } catch (error) {
    return { error }
  }
}
