import type { Deps } from '../deps.ts'
import { admit, type Warning } from '../event-types/admit.ts'
import type { TenantAccess } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { parseLeniently } from '../lib/json.ts'
import type { Steps } from '../lib/json-schema/run.ts'
import { createSteps } from '../lib/json-schema/validate.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { encodeUtf8 } from '../lib/utf8.ts'
import { report } from '../report.ts'
import { resolveLimits } from '../tenants/limits.ts'
import { matchSubscriptions } from './match.ts'
import { type Draft, identify, type Message } from './message.ts'
import { type Outgoing, type Placed, type Placement, placeMessages } from './place.ts'
import { keepUnmatched } from './unmatched.ts'

export interface Published {
  id: string
  event_type: string
  accepted_at: number
  deliveries: Placement[]
  /** Endpoints that subscribed but are full. */
  full: string[]
  is_duplicate: boolean
  warnings: Warning[]
}

type PublishAccess = Pick<TenantAccess, 'tenant' | 'subscriptions' | 'catalogue'>

interface Prepared extends Outgoing {
  warnings: Warning[]
}

/** How long a full endpoint is given before its publisher should try again. */
const FULL_RETRY_AFTER_S = 60

/**
 * Publishes messages for one tenant: identifies, matches, places. Each has a result of its own, in
 * their order; an accepted one is in custody for every endpoint that it names.
 */
export async function publish(
  deps: Deps,
  access: PublishAccess,
  drafts: readonly Draft[],
): Promise<Result<Published, Problem>[]> {
  const steps = createSteps()
  const prepared = await Promise.all(drafts.map((draft) => prepare(deps, access, draft, steps)))
  const outgoing = prepared.flatMap((result) => (result.ok && result.value.targets.length > 0 ? [result.value] : []))
  const placed = await placeMessages(deps, outgoing)
  const placements = new Map(outgoing.map((one, i) => [one, placed[i]]))
  return Promise.all(
    prepared.map(async (result) => {
      if (!result.ok) return result
      const { message, warnings } = result.value
      const placement = placements.get(result.value)
      const is_held = placement !== undefined && !hasNoHolder(placement)
      return conclude(message, is_held ? placement : await keepOrSay(deps, message), warnings)
    }),
  )
}

async function prepare(
  deps: Deps,
  { tenant, subscriptions, catalogue }: PublishAccess,
  draft: Draft,
  steps: Steps,
): Promise<Result<Prepared, Problem>> {
  const message = await identify(tenant.id, draft, deps.now(), deps.random)
  if (!message.ok) return err(problem('invalid_idempotency_key', message.error))
  const { payload_bytes } = resolveLimits(tenant.limits)
  const size = encodeUtf8(message.value.text).byteLength
  if (size > payload_bytes) {
    return err(problem('payload_too_large', `the payload has ${size} bytes; this tenant may send ${payload_bytes}`))
  }
  const { content, event_type } = draft
  let parsed: { value: unknown } | undefined
  // Parsed anew, because `data` of an event keeps long numbers as text, which nothing could be compared with.
  const parse = () => {
    parsed ??= { value: parseLeniently(message.value.text) }
    return parsed.value
  }
  const candidate =
    content.format === 'event'
      ? { event_type, schema_version: content.schema_version, data: parse }
      : { event_type, schema_version: undefined, data: undefined }
  const warnings = admit(catalogue, tenant.unknown_event_types, candidate, steps)
  if (!warnings.ok) return warnings
  const data = subscriptions.some(({ filter }) => filter !== null) ? parse() : null
  const targets = await matchSubscriptions(subscriptions, { ...draft, data, headers: {} })
  return ok({ message: message.value, targets, warnings: warnings.value })
}

/** Every endpoint that wanted it was deleted meanwhile: nobody holds the message. */
function hasNoHolder(placed: Placed): boolean {
  return placed.kind === 'accepted' && placed.deliveries.length + placed.full.length === 0
}

/** Keeps a message that is nobody's yet; one that cannot be kept must be sent again. */
async function keepOrSay(deps: Deps, message: Message): Promise<Placed> {
  try {
    return await keepUnmatched(deps.env, message)
  } catch (error) {
    report(deps, 'publish.unkept', error, { tenant_id: message.tenant_id, message_id: message.id })
    return { kind: 'not_all_placed', missing: [] }
  }
}

function conclude({ id, event_type }: Message, placed: Placed, warnings: Warning[]): Result<Published, Problem> {
  switch (placed.kind) {
    case 'conflict':
      return err(
        problem('idempotency_conflict', `${id} was published before with another content`, {
          extra: { message_id: id },
        }),
      )
    case 'not_all_placed': {
      const detail = `repeat the request with the same Idempotency-Key, or with ${id} as the key: nothing is sent twice`
      return err(problem('not_all_placed', detail, { headers: { 'retry-after': '1' }, extra: { message_id: id } }))
    }
    case 'accepted': {
      const { accepted_at, is_duplicate, deliveries, full } = placed
      if (deliveries.length === 0 && full.length > 0) {
        const headers = { 'retry-after': String(FULL_RETRY_AFTER_S) }
        return err(
          problem('endpoint_full', `no room at ${full.join(', ')}`, { headers, extra: { endpoint_ids: full } }),
        )
      }
      return ok({ id, event_type, accepted_at, deliveries, full, is_duplicate, warnings })
    }
  }
}
