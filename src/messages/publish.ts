import type { Access } from '../http/access.ts'
import type { Deps } from '../http/context.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
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
}

/** How long a full endpoint is given before its publisher should try again. */
const FULL_RETRY_AFTER_S = 60

/**
 * Publishes messages for one tenant: identifies, matches, places. Each has a result of its own, in
 * their order; an accepted one is in custody for every endpoint that it names.
 */
export async function publish(
  deps: Deps,
  access: Pick<Access, 'tenant' | 'subscriptions'>,
  drafts: readonly Draft[],
): Promise<Result<Published, Problem>[]> {
  const { tenant, subscriptions } = access
  if (tenant === null) throw new Error('a message is published for a tenant')
  const results: (Result<Published, Problem> | undefined)[] = drafts.map(() => undefined)
  const outgoing: (Outgoing & { index: number })[] = []
  const is_filtered = subscriptions.some(({ filter }) => filter !== null)

  await Promise.all(
    drafts.map(async (draft, index) => {
      const message = await prepare(deps, tenant, draft)
      if (!message.ok) {
        results[index] = message
        return
      }
      // Parsed anew, because `data` of an event keeps long numbers as text, which a filter could not compare.
      const data = is_filtered ? parseLeniently(message.value.text) : null
      const targets = await matchSubscriptions(subscriptions, { ...draft, data, headers: {} })
      if (targets.length > 0) outgoing.push({ message: message.value, targets, index })
      else results[index] = conclude(message.value, await keepOrSay(deps, message.value))
    }),
  )
  // Back in the order they were given: an ordering key keeps the order of a batch.
  outgoing.sort((a, b) => a.index - b.index)
  const placed = await placeMessages(deps.env, outgoing)
  await Promise.all(
    outgoing.map(async ({ message, index }, i) => {
      const placement = placed[i] ?? { kind: 'not_all_placed', missing: [] }
      results[index] = conclude(message, hasNoHolder(placement) ? await keepOrSay(deps, message) : placement)
    }),
  )
  return results.map((result) => {
    if (result === undefined) throw new Error('every draft has a result')
    return result
  })
}

async function prepare(
  deps: Deps,
  tenant: NonNullable<Access['tenant']>,
  draft: Draft,
): Promise<Result<Message, Problem>> {
  const message = await identify(tenant.id, draft, deps.now(), deps.random)
  if (!message.ok) return err(problem('invalid_idempotency_key', message.error))
  const { payload_bytes } = resolveLimits(tenant.limits)
  const size = new TextEncoder().encode(message.value.text).byteLength
  if (size > payload_bytes) {
    return err(problem('payload_too_large', `the payload has ${size} bytes; this tenant may send ${payload_bytes}`))
  }
  return message
}

/** Every endpoint that wanted it was deleted meanwhile: nobody holds the message. */
function hasNoHolder(placed: Placed): boolean {
  return placed.kind === 'accepted' && placed.deliveries.length + placed.full.length === 0
}

async function keepOrSay(deps: Deps, message: Message): Promise<Placed> {
  try {
    return await keepUnmatched(deps.env, message)
  } catch (error) {
    console.warn(JSON.stringify({ message: 'publish.unkept', message_id: message.id, error: String(error) }))
    return { kind: 'not_all_placed', missing: [] }
  }
}

function conclude({ id, event_type }: Message, placed: Placed): Result<Published, Problem> {
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
      return ok({ id, event_type, accepted_at, deliveries, full, is_duplicate })
    }
  }
}

function parseLeniently(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
