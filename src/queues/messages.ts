/** What the queues carry. Each shape has a version, so that a deploy can read what the one before it has sent. */
import { z } from 'zod'
import type { Layout } from '../endpoints/lanes.ts'
import { keptTrace } from '../lib/trace-context.ts'

const layout: z.ZodType<Layout> = z.object({
  lanes: z.int(),
  epoch: z.int(),
  former: z.array(z.object({ lanes: z.int(), until: z.int() })),
  draining: z.int(),
  lanes_max: z.int(),
})

/** Overflow of a publish: one message for up to 20 endpoints that were not called directly. */
export const fanoutMessage = z.object({
  v: z.literal(1),
  tenant_id: z.string(),
  /** An `EnqueueItem` as a queue carries it: bytes as base64. */
  item: z.object({
    message_id: z.string(),
    event_type: z.string(),
    content_type: z.string(),
    format: z.enum(['event', 'raw']),
    headers: z.record(z.string(), z.string()),
    channels: z.array(z.string()),
    ordering_key: z.string().nullable(),
    /** Not there in what was sent before there were subjects. */
    subject: z.string().nullable().default(null),
    accepted_at: z.int(),
    fingerprint: z.string(),
    body: z.union([z.object({ base64: z.string() }), z.object({ r2_key: z.string(), size_bytes: z.int() })]),
  }),
  endpoint_ids: z.array(z.string()),
  /** A filter that could not be evaluated, by endpoint id; recorded on its delivery. */
  notes: z.record(z.string(), z.string()),
  /** Of endpoints that have, or had, more than one lane, by id. */
  layouts: z.record(z.string(), layout).default({}),
})

export type FanoutMessage = z.input<typeof fanoutMessage>

/** The clock of a delayed retry. Late, duplicated or lost it does no harm: the Endpoint decides. */
export const retryMessage = z.object({
  v: z.literal(1),
  tenant_id: z.string(),
  endpoint_id: z.string(),
  /** Object name, which differs from the endpoint id for lanes beyond 0. */
  object_name: z.string(),
  /** Delivery position inside the Endpoint. */
  position: z.int(),
  /** Unix milliseconds. */
  due_at: z.int(),
  /** Of the message, for the log. Not there in what was sent before there were traces. */
  trace_id: z.string().optional(),
})

export type RetryMessage = z.output<typeof retryMessage>

/** A source is no longer paused: what it has parked may go. Late, duplicated or lost it does no harm: a cron sends another. */
export const releaseMessage = z.object({
  v: z.literal(1),
  tenant_id: z.string(),
  source_id: z.string(),
  /** `accepted_at` and id of the last message that was looked at; null before the first. */
  after: z.tuple([z.int(), z.string()]).nullable().default(null),
})

export type ReleaseMessage = z.input<typeof releaseMessage>

/** Notice that a delivery used up its retries. The Endpoint keeps the delivery itself. */
export const deadLetterMessage = z.object({
  v: z.literal(1),
  tenant_id: z.string(),
  endpoint_id: z.string(),
  message_id: z.string(),
  event_type: z.string(),
  accepted_at: z.int(),
  died_at: z.int(),
  attempts: z.int(),
  last_status: z.int().nullable(),
  last_error: z.string().nullable(),
})

export type DeadLetterMessage = z.output<typeof deadLetterMessage>

/** As an Endpoint keeps it until the queue has taken it. */
export type DeadLetterNotice = Omit<DeadLetterMessage, 'v'>

const namesTrace = z.union([
  z.object({ trace_id: z.string() }).transform(({ trace_id }) => trace_id),
  z
    .object({ item: z.object({ headers: z.record(z.string(), z.string()) }) })
    .transform(({ item }) => keptTrace(item.headers)?.trace_id),
])

/** The trace that a queue message goes on in, for the log: whatever else is wrong with it. */
export function traceOfQueued(body: unknown): { trace_id: string } | null {
  const { data: trace_id } = namesTrace.safeParse(body)
  return trace_id === undefined ? null : { trace_id }
}

/** A queue message that trying again cannot help: of no shape that this version knows, or against what is stored. */
export class UnprocessableMessage extends Error {}

/** @throws UnprocessableMessage */
export function readMessage<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const read = schema.safeParse(body)
  if (!read.success) throw new UnprocessableMessage(z.prettifyError(read.error))
  return read.data
}
