import type { Deps } from '../deps.ts'
import { admit, type Warning } from '../event-types/admit.ts'
import type { TenantConfiguration } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { readData } from '../lib/body-data.ts'
import type { SharedSteps } from '../lib/expression-budget.ts'
import type { Steps } from '../lib/json-schema/run.ts'
import { createSteps } from '../lib/json-schema/validate.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { askForPermit } from '../quotas/permit.ts'
import { report } from '../report.ts'
import { resolveLimits } from '../tenants/limits.ts'
import { createFilterSteps, matchSubscriptions } from './match.ts'
import { type Draft, identify, type Message, traced } from './message.ts'
import { parkMessage } from './park.ts'
import { type Outgoing, type Placed, type Placement, placeMessages } from './place.ts'
import { findRepeat } from './repeat.ts'
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

/** What became of each message, in their order; and what the answer says of the tenant's quotas. */
export interface Publication {
  results: Result<Published, Problem>[]
  quota_headers: Record<string, string>
}

interface Prepared extends Outgoing {
  warnings: Warning[]
}

/** How long a full endpoint is given before its publisher should try again. */
const FULL_RETRY_AFTER_S = 60

/**
 * Of a batch beyond the quota, so many are looked for among what was accepted before. Each takes queries, and a call or two
 * to every lane of every endpoint, of which a request has 1,000 for all that it does.
 */
const REPEATS_SOUGHT_MAX = 10
const LANES_ASKED_MAX = 200

/**
 * Publishes messages for one tenant: identifies, matches, counts, places. Each has a result of its own; an
 * accepted one is in custody for every endpoint that it names.
 * @param parked_by the source that they came through, when it is paused: then they are kept, and offered to nobody
 */
export async function publish(
  deps: Deps,
  access: TenantConfiguration,
  drafts: readonly Draft[],
  parked_by: string | null = null,
): Promise<Publication> {
  const steps = { of_schemas: createSteps(), of_filters: createFilterSteps() }
  // One after the other, so that the first are judged when the steps do not last for all, and only one takes memory.
  const prepared: Result<Prepared, Problem>[] = []
  const wanting = parked_by === null ? access : { ...access, subscriptions: [] }
  for (const draft of drafts) prepared.push(await prepare(deps, wanting, draft, steps))
  const ready = prepared.flatMap((result) => (result.ok ? [result.value] : []))
  // Two of one key are one message.
  const ids = [...new Set(ready.map(({ message }) => message.id))]
  const permit = await askForPermit(deps, access.tenant, ids.length)
  const granted = new Set(ids.slice(0, permit.granted))
  const outgoing = ready.filter(({ message, targets }) => granted.has(message.id) && targets.length > 0)
  const placed = await placeMessages(deps, outgoing)
  const placements = new Map(outgoing.map((one, i) => [one, placed[i]]))
  const refused = ready.filter(({ message }) => message.is_keyed && !granted.has(message.id))
  const sought = new Set(refused.length > 0 ? refused.slice(0, repeatsSought(access)) : [])
  const accepted = new Set<string>()
  const results = await Promise.all(
    prepared.map(async (result): Promise<Result<Published, Problem>> => {
      if (!result.ok) return result
      const { message, warnings } = result.value
      const refusal = granted.has(message.id) ? null : permit.refusal
      const repeat = sought.has(result.value) ? await findRepeat(deps, access, message) : null
      if (refusal !== null && repeat === null) return err(refusal)
      const placement = placements.get(result.value)
      const is_held = placement !== undefined && !hasNoHolder(placement)
      const concluded = repeat ?? (is_held ? placement : await keepOrSay(deps, message, parked_by))
      if (isNew(concluded)) accepted.add(message.id)
      return conclude(message, concluded, warnings)
    }),
  )
  permit.settle(accepted.size)
  return { results, quota_headers: permit.headers }
}

/** One at least, or no repeat could ever be told from a new message. */
function repeatsSought({ subscriptions }: TenantConfiguration): number {
  const lanes = subscriptions.reduce((sum, { layout }) => sum + layout.lanes_max, 0)
  return Math.max(1, Math.min(REPEATS_SOUGHT_MAX, Math.floor(LANES_ASKED_MAX / Math.max(1, lanes))))
}

/** Whether this publish is the one that a message counts for. A repeat of it is a duplicate, and counts no more. */
function isNew(placed: Placed): boolean {
  switch (placed.kind) {
    case 'conflict':
      return false
    case 'not_all_placed':
      return placed.is_known
    case 'accepted':
      return !placed.is_duplicate && !isRefusedByAll(placed)
  }
}

async function prepare(
  deps: Deps,
  { tenant, subscriptions, catalogue }: TenantConfiguration,
  draft: Draft,
  steps: { of_schemas: Steps; of_filters: SharedSteps },
): Promise<Result<Prepared, Problem>> {
  const message = await identify(tenant.id, traced(draft, deps.trace), deps.now(), deps.random)
  if (!message.ok) return err(problem('invalid_idempotency_key', message.error))
  const { bytes, content_type } = message.value
  let read: ReturnType<typeof readData> | undefined
  // Read anew, because `data` of an event keeps long numbers as text, which nothing could be compared with.
  const readOnce = () => {
    read ??= readData(content_type, bytes)
    return read
  }
  // Types and sizes of what a source takes are its provider's affair.
  const warnings =
    draft.event === null ? check({ tenant, catalogue }, draft, bytes, readOnce, steps.of_schemas) : ok([])
  if (!warnings.ok) return warnings
  const data = subscriptions.some(({ filter }) => filter !== null) ? readOnce() : ok(null)
  const readable = data.ok ? { data: data.value, unreadable: null } : { data: null, unreadable: data.error }
  const targets = await matchSubscriptions(subscriptions, { ...draft, ...readable }, steps.of_filters)
  return ok({ message: message.value, targets, warnings: warnings.value })
}

/** Whether a publisher may send this. */
function check(
  { tenant, catalogue }: Pick<TenantConfiguration, 'tenant' | 'catalogue'>,
  { content, event_type }: Draft,
  { byteLength: size }: Uint8Array,
  read: () => Result<unknown, string>,
  steps: Steps,
): Result<Warning[], Problem> {
  const { payload_bytes } = resolveLimits(tenant.limits)
  if (size > payload_bytes) {
    return err(problem('payload_too_large', `the payload has ${size} bytes; this tenant may send ${payload_bytes}`))
  }
  const candidate = { event_type, schema_version: undefined, data: undefined }
  if (content.format === 'raw') return admit(catalogue, tenant.unknown_event_types, candidate, steps)
  const data = () => {
    const value = read()
    if (!value.ok) throw new Error('a payload that a tenant may send can be read')
    return value.value
  }
  const { schema_version } = content
  return admit(catalogue, tenant.unknown_event_types, { ...candidate, schema_version, data }, steps)
}

/** Every endpoint that wanted it was deleted meanwhile: nobody holds the message. */
function hasNoHolder(placed: Placed): boolean {
  return placed.kind === 'accepted' && placed.deliveries.length + placed.full.length === 0
}

/** Nobody has room for it. */
function isRefusedByAll({ deliveries, full }: Extract<Placed, { kind: 'accepted' }>): boolean {
  return deliveries.length === 0 && full.length > 0
}

/** Keeps a message that is nobody's yet; one that cannot be kept must be sent again. */
async function keepOrSay(deps: Deps, message: Message, parked_by: string | null): Promise<Placed> {
  try {
    if (parked_by === null) return await keepUnmatched(deps.env, message)
    return await parkMessage(deps.env, message, parked_by)
  } catch (error) {
    report(deps, 'publish.unkept', error, { tenant_id: message.tenant_id, message_id: message.id })
    return { kind: 'not_all_placed', missing: [], is_known: false }
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
      if (isRefusedByAll(placed)) {
        const headers = { 'retry-after': String(FULL_RETRY_AFTER_S) }
        return err(
          problem('endpoint_full', `no room at ${full.join(', ')}`, { headers, extra: { endpoint_ids: full } }),
        )
      }
      return ok({ id, event_type, accepted_at, deliveries, full, is_duplicate, warnings })
    }
  }
}
