import { FILTER_FAILED, type Ordering } from '../../durable-objects/endpoint/rpc.ts'
import type { Layout } from '../endpoints/lanes.ts'
import { compileExpression, evaluateExpression } from '../lib/expression.ts'
import { SharedSteps } from '../lib/expression-budget.ts'
import { matchesEventType } from '../lib/glob.ts'
import { withoutTrace } from '../lib/trace-context.ts'

/** What decides whether an endpoint wants a message. */
export interface Subscription {
  endpoint_id: string
  /** Of the endpoint and its tenant together, as the Endpoint counts it. */
  settings_version: number
  event_types: string[]
  /** Null takes messages of every channel. */
  channels: string[] | null
  filter: string | null
  ordering: Ordering
  layout: Layout
}

/** An endpoint that gets the message. */
export interface Target {
  endpoint_id: string
  settings_version: number
  layout: Layout
  /** Messages must reach it in the order in which they were published, or at least those of one key. */
  is_ordered: boolean
  /** A filter that could not be evaluated lets the message through, and this says why. */
  note: string | null
}

export interface Matchable {
  event_type: string
  channels: readonly string[]
  data: unknown
  /** Why there is no data to look at, as the end of a sentence about the body; null when there is. */
  unreadable: string | null
  headers: Record<string, string>
}

/**
 * Some seconds at worst, and a hundred steps for each filter of a batch of 100 messages with 100 endpoints. One filter alone
 * may take a tenth of this.
 */
const STEPS_OF_REQUEST_MAX = 1_000_000

/** What all filters of one request may take. */
export function createFilterSteps(): SharedSteps {
  return new SharedSteps(STEPS_OF_REQUEST_MAX)
}

/** The endpoints that want this message, in the order of their ids. */
export async function matchSubscriptions(
  subscriptions: readonly Subscription[],
  message: Matchable,
  steps = createFilterSteps(),
): Promise<Target[]> {
  const targets: Target[] = []
  for (const subscription of subscriptions) {
    if (!wantsType(subscription, message) || !wantsChannels(subscription, message)) continue
    const { endpoint_id, settings_version, layout, filter, ordering } = subscription
    const verdict = filter === null ? PASSES : await evaluateFilter(filter, message, steps)
    if (verdict.passes)
      targets.push({ endpoint_id, settings_version, layout, is_ordered: ordering !== 'none', note: verdict.note })
  }
  return targets.sort((a, b) => (a.endpoint_id < b.endpoint_id ? -1 : 1))
}

function wantsType({ event_types }: Subscription, { event_type }: Matchable): boolean {
  return event_types.some((pattern) => matchesEventType(pattern, event_type))
}

/** A message without channels is for everybody; an endpoint without channels takes everything. */
function wantsChannels({ channels }: Subscription, message: Matchable): boolean {
  if (channels === null || message.channels.length === 0) return true
  return message.channels.some((channel) => channels.includes(channel))
}

interface Verdict {
  passes: boolean
  note: string | null
}

const PASSES: Verdict = { passes: true, note: null }

async function evaluateFilter(
  filter: string,
  { event_type, data, unreadable, headers }: Matchable,
  steps: SharedSteps,
): Promise<Verdict> {
  if (unreadable !== null) return failedOpen(`the body ${unreadable}`)
  const expression = compileExpression(filter)
  if (!expression.ok) return failedOpen(expression.error.message)
  const input = { type: event_type, data, headers: withoutTrace(headers) }
  const result = await evaluateExpression(expression.value, input, steps)
  return result.ok ? { passes: isTruthy(result.value), note: null } : failedOpen(result.error.message)
}

// Losing an event because of a mistake in a filter is worse than delivering one too many.
function failedOpen(message: string): Verdict {
  return { passes: true, note: `${FILTER_FAILED}: ${message}`.slice(0, 500) }
}

/** JSONata's own notion, as its $boolean function has it: empty things are false. */
function isTruthy(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isTruthy)
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0
  return Boolean(value)
}
