/** The canary: once a minute a message goes the whole way, from publishing to a receiver that verifies it. */
import type { DeliveryDetail } from '../../durable-objects/endpoint/rpc.ts'
import type { Deps } from '../deps.ts'
import { callEndpoint } from '../endpoints/stub.ts'
import type { TenantConfiguration } from '../http/access.ts'
import { Outage } from '../lib/outage.ts'
import type { Draft } from '../messages/message.ts'
import { publish } from '../messages/publish.ts'
import { report } from '../report.ts'
import { saveProgress } from '../retention/progress.ts'
import type { Run } from '../retention/run.ts'
import { CANARY_ENDPOINT, prepareNest } from './canary-nest.ts'
import { type FlightError, landed } from './flight.ts'

/** Half a minute at most, so that a flight has ended before the next one. */
const ARRIVES_WITHIN_MS = 30_000
/** Most have arrived by the second look; each costs a call. */
const LOOK_AFTER_MS = 100
const LOOK_AFTER_MS_MAX = 5_000

const DRAFT: Draft = {
  event_type: 'postern.canary',
  content: { format: 'event', data: {} },
  headers: {},
  channels: [],
  ordering_key: null,
  subject: null,
  idempotency_key: null,
  event: null,
}

type End = { error: null; latency_ms: number } | { error: FlightError; detail: string }

/**
 * Publishes a message to Postern's own echo route, which takes it only if its signature is good, and keeps how that went.
 * Without CANARY_URL it does nothing.
 * @throws what D1 throws: then nobody can be told, but that the flight is missing shows
 */
export async function flyCanary(deps: Deps, run: Run): Promise<void> {
  const { canary_url } = deps.settings
  if (canary_url === null) return
  const { access, last } = await prepareNest(deps, canary_url)
  // A breaker would spare the receiver, and keep the canary from seeing that it is well again.
  if (last !== null && last.error !== null) await closeBreaker(deps)
  const published_at = deps.now()
  const end = await fly(deps, access)
  if (end.error !== null) report(deps, 'canary.failed', new Outage(end.detail), { reason: end.error })
  await saveProgress(deps, 'canary', landed(last, { published_at, ...end })).run()
  run.count(end.error === null ? 'arrived' : 'failed', 1)
}

async function fly(deps: Deps, access: TenantConfiguration): Promise<End> {
  try {
    const [result] = (await publish(deps, access, [DRAFT])).results
    if (result === undefined) throw new Error('one message has one result')
    if (!result.ok) return { error: 'not_published', detail: `${result.error.code}: ${result.error.detail}` }
    return await arrival(deps, result.value.id)
  } catch (error) {
    return { error: 'not_published', detail: error instanceof Error ? error.message : String(error) }
  }
}

/** Looks until the delivery has ended, less and less often. */
async function arrival(deps: Deps, message_id: string): Promise<End> {
  const deadline = deps.now() + ARRIVES_WITHIN_MS
  for (let wait_ms = LOOK_AFTER_MS; deps.now() < deadline; wait_ms = Math.min(2 * wait_ms, LOOK_AFTER_MS_MAX)) {
    await scheduler.wait(wait_ms)
    const end = endOf(await look(deps, message_id))
    if (end !== null) return end
  }
  return { error: 'late', detail: `not delivered within ${ARRIVES_WITHIN_MS} ms` }
}

/** Null while it does not say: by a queue it may not be there yet, and an object may be restarting. */
async function look({ env }: Deps, message_id: string): Promise<DeliveryDetail | null> {
  try {
    return await callEndpoint(env, CANARY_ENDPOINT, (stub) => stub.get(message_id))
  } catch {
    return null
  }
}

function endOf(detail: DeliveryDetail | null): End | null {
  if (detail === null) return null
  const { delivery, attempts } = detail
  // A breaker that opened, or an endpoint that was disabled, since this flight began: it goes nowhere in its minute.
  if (delivery.state === 'parked') return { error: 'not_delivered', detail: `parked: ${delivery.reason}` }
  const attempt = attempts.at(-1)
  if (attempt === undefined) return null
  if (delivery.state === 'succeeded') {
    return { error: null, latency_ms: Math.max(0, attempt.started_at + attempt.duration_ms - delivery.accepted_at) }
  }
  if (delivery.state !== 'dead') return null
  return { error: 'not_delivered', detail: `${attempt.error}: ${attempt.status ?? attempt.detail}` }
}

async function closeBreaker({ env }: Deps): Promise<void> {
  // If it cannot be called the flight says so.
  await callEndpoint(env, CANARY_ENDPOINT, (stub) => stub.resetBreaker()).catch(() => {})
}
