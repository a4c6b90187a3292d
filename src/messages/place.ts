/**
 * Puts messages into custody: every delivery is in its Endpoint's storage, or in the fan-out queue,
 * before anyone is told that it was accepted.
 */

import type { DeliveryState, StoredBody } from '../../durable-objects/endpoint/rpc.ts'
import type { Deps } from '../deps.ts'
import { enqueue } from '../endpoints/enqueue.ts'
import type { Routed } from '../endpoints/route-items.ts'
import { toBase64 } from '../lib/hash.ts'
import { keptTrace } from '../lib/trace-context.ts'
import type { FanoutMessage } from '../queues/messages.ts'
import { report } from '../report.ts'
import { INLINE_BYTES_MAX, putPayload, QUEUED_BYTES_MAX } from './body.ts'
import type { Target } from './match.ts'
import { deliveredBody, type Message, toEnqueueItem } from './message.ts'

type PlaceDeps = Pick<Deps, 'env' | 'now' | 'waitUntil'>

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
  | {
      kind: 'not_all_placed'
      missing: string[]
      /** The endpoint that decides about a repeat has it: the repeat will be a duplicate. */
      is_known: boolean
    }

export interface Outgoing {
  message: Message
  targets: readonly Target[]
}

type Outcome = Routed | { outcome: 'queued' }

/** One message on its way, and what became of each of its targets. */
interface Journey extends Outgoing {
  message: Message
  direct: readonly Target[]
  queued: readonly Target[]
  outcomes: Map<string, Outcome>
  /** What receivers will get. */
  bytes: Uint8Array
  /** Where they are in R2, once somebody needed them there; null when R2 would not take them. */
  in_r2: Promise<StoredBody | null> | null
  /** A queue may need them there. */
  is_queued: boolean
}

/** Places messages, with one call per Endpoint however many of them it gets. Results in their order. */
export async function placeMessages(deps: PlaceDeps, outgoing: readonly Outgoing[]): Promise<Placed[]> {
  const is_keyed = outgoing.some(({ message }) => message.is_keyed)
  const is_ordered = outgoing.some(({ targets }) => targets.some((target) => target.is_ordered))
  if (outgoing.length < 2 || !is_keyed || !is_ordered) return placeTogether(deps, outgoing)
  // Keyed ones are placed before the others, which an ordered endpoint must not notice: one after the other.
  const placed: Placed[] = []
  for (const one of outgoing) placed.push(...(await placeTogether(deps, [one])))
  return placed
}

async function placeTogether(deps: PlaceDeps, outgoing: readonly Outgoing[]): Promise<Placed[]> {
  const journeys = outgoing.map(({ message, targets }): Journey => {
    // A queue keeps no order, so an ordered endpoint is always called.
    const isDirect = (target: Target, i: number) => i < DIRECT_ENDPOINTS_MAX || target.is_ordered
    const direct = targets.filter(isDirect)
    const queued = targets.filter((target, i) => !isDirect(target, i))
    const is_queued = queued.length > 0
    const bytes = deliveredBody(message)
    return { message, targets, direct, queued, outcomes: new Map(), bytes, in_r2: null, is_queued }
  })
  await askArbiters(deps, journeys)
  const going = journeys.filter((journey) => !isStopped(journey))
  await Promise.all([callRest(deps, going), queueTheRest(deps, going)])
  return journeys.map(conclude)
}

/**
 * A keyed message is first placed with one of its targets, always the same: that one decides a race
 * between two publishes of the same key, so that no other Endpoint ever sees the loser. Without its
 * verdict nothing else is placed: a queue cannot give it.
 */
async function askArbiters(deps: PlaceDeps, journeys: readonly Journey[]): Promise<void> {
  let asking = journeys.filter(({ message }) => message.is_keyed)
  for (let nth = 0; asking.length > 0; nth++) {
    await callDirectly(deps, asking, ({ direct }) => direct.slice(nth, nth + 1))
    // One that is full or deleted cannot decide; the next one does.
    asking = asking.filter(({ direct, outcomes }) => {
      const { outcome } = outcomes.get(direct[nth]?.endpoint_id ?? '') ?? { outcome: 'missing' }
      return (outcome === 'full' || outcome === 'gone') && nth + 1 < direct.length
    })
  }
  for (const journey of journeys) {
    for (const outcome of journey.outcomes.values()) {
      if (outcome.outcome === 'duplicate') keepTime(journey, outcome.accepted_at)
    }
  }
}

/** What was accepted first keeps its time, and with it its bytes, at every endpoint. */
function keepTime(journey: Journey, accepted_at: number): void {
  if (journey.message.accepted_at === accepted_at) return
  journey.message = { ...journey.message, accepted_at }
  journey.bytes = deliveredBody(journey.message)
  journey.in_r2 = null
}

/** Calls what was not called yet; an Endpoint that does not answer gets its delivery by the queue, unless it is ordered. */
async function callRest(deps: PlaceDeps, journeys: readonly Journey[]): Promise<void> {
  const rest = ({ direct, outcomes }: Journey) => direct.filter(({ endpoint_id }) => !outcomes.has(endpoint_id))
  const remaining = new Map(journeys.map((journey) => [journey, rest(journey)]))
  await callDirectly(deps, journeys, (journey) => remaining.get(journey) ?? [])
  await Promise.all(
    [...remaining].map(async ([journey, targets]) => {
      const missing = targets.filter(
        ({ endpoint_id, is_ordered }) => !is_ordered && journey.outcomes.get(endpoint_id)?.outcome === 'missing',
      )
      if (missing.length > 0 && (await sendToQueue(deps, journey, missing))) setQueued(journey, missing)
    }),
  )
}

/** One call per Endpoint, with all that is for it. */
async function callDirectly(
  deps: PlaceDeps,
  journeys: readonly Journey[],
  targetsOf: (journey: Journey) => readonly Target[],
): Promise<void> {
  const pairs = journeys.flatMap((journey) => targetsOf(journey).map((target) => ({ journey, target })))
  const calls = Map.groupBy(pairs, ({ target }) => target.endpoint_id)
  await Promise.all(
    [...calls].map(async ([endpoint_id, passengers]) => {
      const bodies = await Promise.all(passengers.map(({ journey }) => bodyOf(deps, journey, INLINE_BYTES_MAX)))
      const aboard = passengers.flatMap(({ journey, target }, i) => {
        const body = bodies[i]
        if (!body) journey.outcomes.set(endpoint_id, { outcome: 'missing' })
        if (!body) return []
        const item = toEnqueueItem(journey.message, body, target.note)
        return [{ journey, target, offer: { item, may_be_known: journey.message.is_keyed } }]
      })
      const [first] = aboard
      if (first === undefined) return
      const { settings_version, layout } = first.target
      const { tenant_id } = first.journey.message
      const offers = aboard.map(({ offer }) => offer)
      const outcomes = await enqueue(deps, { tenant_id, endpoint_id, settings_version, layout }, offers)
      for (const [i, { journey }] of aboard.entries()) {
        journey.outcomes.set(endpoint_id, outcomes[i] ?? { outcome: 'missing' })
      }
    }),
  )
}

async function queueTheRest(deps: PlaceDeps, journeys: readonly Journey[]): Promise<void> {
  await Promise.all(
    journeys.map(async (journey) => {
      for (let from = 0; from < journey.queued.length; from += ENDPOINTS_PER_QUEUE_MESSAGE) {
        const page = journey.queued.slice(from, from + ENDPOINTS_PER_QUEUE_MESSAGE)
        if (await sendToQueue(deps, journey, page)) setQueued(journey, page)
        // The queue refused: fan-out falls back to direct calls.
        else await callDirectly(deps, [journey], () => page)
      }
    }),
  )
}

function setQueued(journey: Journey, targets: readonly Target[]): void {
  for (const { endpoint_id } of targets) journey.outcomes.set(endpoint_id, { outcome: 'queued' })
}

async function sendToQueue(deps: PlaceDeps, journey: Journey, targets: readonly Target[]): Promise<boolean> {
  const { message } = journey
  // Nobody thought so when it was written: once more, with the mark.
  if (!journey.is_queued) journey.in_r2 = null
  journey.is_queued = true
  const body = await bodyOf(deps, journey, QUEUED_BYTES_MAX)
  if (body === null) return false
  const { note: _, ...item } = toEnqueueItem(message, body, null)
  const laned = targets.filter(({ layout }) => layout.epoch > 0)
  const notes = targets.flatMap(({ endpoint_id, note }) => (note === null ? [] : [[endpoint_id, note]]))
  const queued: FanoutMessage = {
    v: 1,
    tenant_id: message.tenant_id,
    item: { ...item, body: 'inline' in body ? { base64: toBase64(body.inline) } : body },
    endpoint_ids: targets.map(({ endpoint_id }) => endpoint_id),
    notes: Object.fromEntries(notes) as Record<string, string>,
    layouts: Object.fromEntries(laned.map(({ endpoint_id, layout }) => [endpoint_id, layout])),
  }
  try {
    await deps.env.FANOUT.send(queued)
    return true
  } catch (error) {
    report(deps, 'publish.fanout_refused', error, idsOf(message))
    return false
  }
}

/** A message's body as an Endpoint or a queue takes it; null when it is large and R2 would not take it. */
async function bodyOf(deps: PlaceDeps, journey: Journey, inline_bytes_max: number): Promise<StoredBody | null> {
  const { message, bytes } = journey
  if (bytes.byteLength <= inline_bytes_max) return { inline: bytes }
  journey.in_r2 ??= putPayload(deps.env.PAYLOADS, message, bytes, journey.is_queued).catch((error) => {
    report(deps, 'publish.payload_refused', error, idsOf(message))
    return null
  })
  return journey.in_r2
}

/** By which a message is found again: in its own trace, which is not always that of the request or queue message. */
function idsOf({ tenant_id, id: message_id, headers }: Message) {
  return { tenant_id, message_id, trace_id: keptTrace(headers)?.trace_id }
}

/** Nothing more is to be placed: its id stands for another content, or nobody could decide whether it does. */
function isStopped({ message, outcomes }: Journey): boolean {
  const seen = [...outcomes.values()].map(({ outcome }) => outcome)
  return seen.includes('conflict') || (message.is_keyed && seen.includes('missing'))
}

function conclude(journey: Journey): Placed {
  const verdicts = journey.targets.map(({ endpoint_id }) => journey.outcomes.get(endpoint_id)?.outcome)
  if (verdicts.includes('conflict')) return { kind: 'conflict' }
  const deliveries: Placement[] = []
  const full: string[] = []
  const missing: string[] = []
  let { accepted_at } = journey.message
  for (const { endpoint_id } of journey.targets) {
    const result = journey.outcomes.get(endpoint_id) ?? { outcome: 'missing' }
    switch (result.outcome) {
      case 'duplicate':
        accepted_at = result.accepted_at
        deliveries.push({ endpoint_id, state: result.state })
        break
      case 'accepted':
        deliveries.push({ endpoint_id, state: result.state })
        break
      case 'queued': // Whether it is new there shows later; those that were asked directly answer for it.
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
  if (missing.length > 0) return { kind: 'not_all_placed', missing, is_known: isWithArbiter(verdicts) }
  return {
    kind: 'accepted',
    accepted_at,
    is_duplicate: journey.message.is_keyed && isKnown(verdicts),
    deliveries,
    full,
  }
}

/** One that is full or gone decides nothing; nor does it when the publish is repeated. */
function isWithArbiter(verdicts: readonly (Outcome['outcome'] | undefined)[]): boolean {
  const verdict = verdicts.find((outcome) => outcome !== 'full' && outcome !== 'gone')
  return verdict === 'accepted' || verdict === 'queued'
}

/** As the first says that can tell, which is the one that decides about a key: so one of many racers is told that it is new. */
function isKnown(verdicts: readonly (Outcome['outcome'] | undefined)[]): boolean {
  return verdicts.find((outcome) => outcome === 'accepted' || outcome === 'duplicate') === 'duplicate'
}
