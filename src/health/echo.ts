/** Where the canary arrives: a receiver as anybody could have written it, by the specification. */
import type { Deps } from '../deps.ts'
import { openSecret } from '../endpoints/secrets.ts'
import { CANARY_TENANT } from '../lib/reserved-tenant.ts'
import { StaleCache } from '../lib/stale-cache.ts'
import { report } from '../report.ts'
import type { InboundRequest } from '../sources/provider.ts'
import { verifyStandardWebhook } from '../sources/schemes/standard-webhooks.ts'
import { CANARY_ENDPOINT, findNestEndpoint } from './canary-nest.ts'

/** As the specification's libraries have it. */
const TOLERANCE_MS = 5 * 60 * 1000

/** Anybody may call the route, so it asks D1 once a minute at most, and goes on while D1 is away. */
const secrets = new StaleCache<readonly string[]>(
  { fresh_ms: 60_000, refresh_after_ms: 60_000, stale_ms: 60 * 60 * 1000, size_max: 1 },
  () => 1,
)

/**
 * Whether this request is the canary.
 * @throws what D1 throws, when no secret is known
 */
export async function isCanary(deps: Deps, request: InboundRequest): Promise<boolean> {
  const unheard = (error: unknown) => report(deps, 'canary.secret_stale', error)
  const known = await secrets.get('', () => loadSecrets(deps), deps.now, deps.waitUntil, unheard)
  // Before the first flight there is none, and by then there has to be.
  if (known.length === 0) secrets.discard('')
  const clock = { now: deps.now(), tolerance_ms: TOLERANCE_MS }
  return (await verifyStandardWebhook(request, known, 'webhook-', clock)).ok
}

async function loadSecrets(deps: Deps): Promise<readonly string[]> {
  const endpoint = await findNestEndpoint(deps)
  const opened = (endpoint?.secrets ?? []).map((sealed) => openSecret(deps, CANARY_TENANT, CANARY_ENDPOINT, sealed))
  return (await Promise.all(opened)).flatMap((secret) => (secret.ok ? [secret.value.secret] : []))
}
