/**
 * Puts messages into custody: every delivery is in its Endpoint's storage, or in the fan-out queue,
 * before anyone is told that it was accepted.
 */
import type { DeliveryState, EnqueueItem, EnqueueResult } from '../../durable-objects/endpoint/rpc.ts'
import { callEndpoint } from '../endpoints/stub.ts'
import type { Bindings } from '../env.ts'
import { toBase64 } from '../lib/hash.ts'
import type { FanoutMessage } from '../queues/messages.ts'
import { INLINE_BYTES_MAX, QUEUED_BYTES_MAX, storeBody } from './body.ts'
import type { Target } from './match.ts'
import { type Message, toEnqueueItem } from './message.ts'

/** Endpoints called directly; the rest of a wide fan-out goes through the queue. */
const DIRECT_ENDPOINTS_MAX = 20
const ENDPOINTS_PER_QUEUE_MESSAGE = 20

export interface Placement {
  endpoint_id: string
  state: DeliveryState
}

export type Placed =
  | {
      kind: 'accepted'
      accepted_at: number
      /** Every delivery had been accepted before. */
      is_duplicate: boolean
      deliveries: Placement[]
      /** Endpoints that hold as many unfinished deliveries as they may. */
      full: string[]
    }
  /** The same id stands for another content. */
  | { kind: 'conflict' }
  /** Some deliveries are in nobody's custody; repeating the publish is safe. */
  | { kind: 'not_all_placed'; missing: string[] }

export interface Outgoing {
  message: Message
  targets: readonly Target[]
}

type Outcome = EnqueueResult | { outcome: 'queued' } | { outcome: 'missing' }

/** One message on its way, and what became of each of its targets. */
interface Journey extends Outgoing {
  message: Message
  direct: readonly Target[]
  queued: readonly Target[]
  outcomes: Map<string, Outcome>
}

/** Places messages together, with one call per Endpoint however many of them it gets. Results in their order. */
export async function placeMessages(env: Bindings, outgoing: readonly Outgoing[]): Promise<Placed[]> {
  const journeys = outgoing.map(({ message, targets }): Journey => {
    const direct = targets.slice(0, DIRECT_ENDPOINTS_MAX)
    return { message, targets, direct, queued: targets.slice(direct.length), outcomes: new Map() }
  })
  await askArbiters(env, journeys)
  await Promise.all([callDirectly(env, journeys, (journey) => journey.direct), queueTheRest(env, journeys)])
  return journeys.map(conclude)
}

/**
 * A keyed message with several targets is first placed with one of them, always the same: that one
 * decides a race between two publishes of the same key, so that no other Endpoint ever sees the loser.
 */
async function askArbiters(env: Bindings, journeys: readonly Journey[]): Promise<void> {
  const keyed = journeys.filter(({ message, targets }) => message.is_keyed && targets.length > 1)
  if (keyed.length === 0) return
  await callDirectly(env, keyed, ({ direct }) => direct.slice(0, 1))
  for (const journey of keyed) {
    for (const outcome of journey.outcomes.values()) {
      // What was accepted first keeps its time, and with it its bytes, at every endpoint.
      if (outcome.outcome === 'duplicate') journey.message = { ...journey.message, accepted_at: outcome.accepted_at }
    }
  }
}

async function callDirectly(
  env: Bindings,
  journeys: readonly Journey[],
  targetsOf: (journey: Journey) => readonly Target[],
): Promise<void> {
  const calls = new Map<string, { target: Target; journey: Journey }[]>()
  for (const journey of journeys) {
    if (isLost(journey)) continue
    for (const target of targetsOf(journey)) {
      if (journey.outcomes.has(target.endpoint_id)) continue
      const call = calls.get(target.endpoint_id) ?? []
      call.push({ target, journey })
      calls.set(target.endpoint_id, call)
    }
  }
  const bodies = await bodiesOf(env, journeys, INLINE_BYTES_MAX)
  await Promise.all(
    [...calls].map(async ([endpoint_id, passengers]) => {
      const items: EnqueueItem[] = []
      const aboard: typeof passengers = []
      for (const passenger of passengers) {
        const body = bodies.get(passenger.journey)
        if (body === undefined) continue
        aboard.push(passenger)
        items.push(toEnqueueItem(passenger.journey.message, body, passenger.target.note))
      }
      const first = aboard[0]
      if (first === undefined) return
      const outcomes = await enqueue(env, first.journey.message.tenant_id, first.target, items)
      for (const [i, { journey, target }] of aboard.entries()) {
        const outcome = outcomes?.[i]
        if (outcome !== undefined) journey.outcomes.set(endpoint_id, outcome)
        else await fallBackToQueue(env, journey, target)
      }
    }),
  )
}

async function enqueue(
  env: Bindings,
  tenant_id: string,
  target: Target,
  items: EnqueueItem[],
): Promise<EnqueueResult[] | null> {
  const { endpoint_id, settings_version } = target
  try {
    return await callEndpoint(env, endpoint_id, (stub) =>
      stub.enqueue({ tenant_id, endpoint_id, settings_version, items }),
    )
  } catch (error) {
    console.warn(JSON.stringify({ message: 'publish.enqueue_failed', tenant_id, endpoint_id, error: String(error) }))
    return null
  }
}

async function fallBackToQueue(env: Bindings, journey: Journey, target: Target): Promise<void> {
  const is_queued = await sendToQueue(env, journey, [target])
  journey.outcomes.set(target.endpoint_id, { outcome: is_queued ? 'queued' : 'missing' })
}

async function queueTheRest(env: Bindings, journeys: readonly Journey[]): Promise<void> {
  const wide = journeys.filter((journey) => journey.queued.length > 0 && !isLost(journey))
  await Promise.all(
    wide.map(async (journey) => {
      for (let from = 0; from < journey.queued.length; from += ENDPOINTS_PER_QUEUE_MESSAGE) {
        const page = journey.queued.slice(from, from + ENDPOINTS_PER_QUEUE_MESSAGE)
        if (await sendToQueue(env, journey, page)) {
          for (const { endpoint_id } of page) journey.outcomes.set(endpoint_id, { outcome: 'queued' })
        } else {
          await callOnceMore(env, journey, page)
        }
      }
    }),
  )
}

/** The queue refused: fan-out falls back to direct calls. */
async function callOnceMore(env: Bindings, journey: Journey, targets: readonly Target[]): Promise<void> {
  const bodies = await bodiesOf(env, [journey], INLINE_BYTES_MAX)
  const body = bodies.get(journey)
  await Promise.all(
    targets.map(async (target) => {
      const items = body === undefined ? [] : [toEnqueueItem(journey.message, body, target.note)]
      const outcomes = items.length === 0 ? null : await enqueue(env, journey.message.tenant_id, target, items)
      journey.outcomes.set(target.endpoint_id, outcomes?.[0] ?? { outcome: 'missing' })
    }),
  )
}

async function sendToQueue(env: Bindings, journey: Journey, targets: readonly Target[]): Promise<boolean> {
  const { message } = journey
  const bodies = await bodiesOf(env, [journey], QUEUED_BYTES_MAX)
  const body = bodies.get(journey)
  if (body === undefined) return false
  const { note: _, ...item } = toEnqueueItem(message, body, null)
  const notes = targets.flatMap(({ endpoint_id, note }) => (note === null ? [] : [[endpoint_id, note]]))
  const queued: FanoutMessage = {
    v: 1,
    tenant_id: message.tenant_id,
    item: { ...item, body: 'inline' in body ? { base64: toBase64(body.inline) } : body },
    endpoint_ids: targets.map(({ endpoint_id }) => endpoint_id),
    notes: Object.fromEntries(notes) as Record<string, string>,
  }
  try {
    await env.FANOUT.send(queued)
    return true
  } catch (error) {
    console.warn(JSON.stringify({ message: 'publish.fanout_refused', message_id: message.id, error: String(error) }))
    return false
  }
}

/** The stored body of each message; one that R2 would not take has none. */
async function bodiesOf(env: Bindings, journeys: readonly Journey[], inline_bytes_max: number) {
  const bodies = new Map<Journey, EnqueueItem['body']>()
  await Promise.all(
    journeys.map(async (journey) => {
      try {
        bodies.set(journey, await storeBody(env.PAYLOADS, journey.message, inline_bytes_max))
      } catch (error) {
        console.warn(
          JSON.stringify({ message: 'publish.payload_refused', message_id: journey.message.id, error: String(error) }),
        )
      }
    }),
  )
  return bodies
}

function isLost({ outcomes }: Journey): boolean {
  return [...outcomes.values()].some(({ outcome }) => outcome === 'conflict')
}

function conclude(journey: Journey): Placed {
  if (isLost(journey)) return { kind: 'conflict' }
  const deliveries: Placement[] = []
  const full: string[] = []
  const missing: string[] = []
  let duplicates = 0
  let { accepted_at } = journey.message
  for (const { endpoint_id } of journey.targets) {
    const result = journey.outcomes.get(endpoint_id) ?? { outcome: 'missing' }
    switch (result.outcome) {
      case 'duplicate':
        duplicates++
        accepted_at = result.accepted_at
        deliveries.push({ endpoint_id, state: result.state })
        break
      case 'accepted':
        deliveries.push({ endpoint_id, state: result.state })
        break
      case 'queued':
        deliveries.push({ endpoint_id, state: 'pending' })
        break
      case 'full':
        full.push(endpoint_id)
        break
      case 'missing':
        missing.push(endpoint_id)
        break
      case 'gone': // Deleted since the subscriptions were read: no longer a target.
      case 'conflict':
        break
    }
  }
  if (missing.length > 0) return { kind: 'not_all_placed', missing }
  return {
    kind: 'accepted',
    accepted_at,
    is_duplicate: duplicates > 0 && duplicates === deliveries.length,
    deliveries,
    full,
  }
}
