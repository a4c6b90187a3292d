/** What a source does with a request, from its address to its answer. */

import { writePoints } from '../data-points.ts'
import type { Deps } from '../deps.ts'
import { PROBLEMS, type Problem, problem } from '../http/problems.ts'
import { sha256Hex, toHex } from '../lib/hash.ts'
import type { RandomBytes } from '../lib/ids.ts'
import { log } from '../lib/log.ts'
import { liesIn } from '../lib/network.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { Tally } from '../lib/tally.ts'
import type { Draft } from '../messages/message.ts'
import { type Published, publish } from '../messages/publish.ts'
import { type Ending, toIngestPoint } from '../metrics/ingest-point.ts'
import { liveCredentials } from './credentials.ts'
import { eventTypeOf } from './event-type.ts'
import { forwardHeaders, HOPS_HEADER, SOURCE_HEADER } from './forward-headers.ts'
import type { Source, SourceAccess } from './ingest-access.ts'
import { createMeans } from './means.ts'
import { noteFailure } from './note-failure.ts'
import type { Answer, Given, Identity, InboundRequest, Provider } from './provider.ts'
import { PROVIDERS } from './providers.ts'
import { withinRate } from './rate.ts'
import type { Refusal } from './refusal.ts'

/** From source to endpoint to source: more than that is a circle. */
const HOPS_MAX = 4

/** The same whatever was wrong: whoever forges learns nothing, and its owner reads the reason in the source's failures. */
const NOT_VERIFIED = problem('verification_failed', 'the request could not be verified')

/** Not the caller's fault: it may come again. */
const KEY_UNAVAILABLE = problem('unavailable', 'what verifies this cannot be had right now', {
  headers: { 'retry-after': '5' },
})

const NOT_ASKED = problem('method_not_allowed', 'send events with POST', { headers: { allow: 'POST' } })

/** As data points have it. */
const ROUTE = '/in/:source'

const JSON_ANSWER = { 'content-type': 'application/json' }

/** Lines a minute of each source. */
const passed_over = new Tally(5)

/** A content type that may be sent on as it is. */
const CONTENT_TYPE = /^[\x21-\x7e][\x20-\x7e]{0,254}$/

export type Received = Result<Answer, Problem>

/** A request without its body, which is taken only from where it may come. */
interface Call extends Omit<InboundRequest, 'body'> {
  takeBody: () => Promise<Uint8Array>
  /** Of the caller, where it is known. */
  address: string | undefined
}

/**
 * Verifies a request, and takes custody of what it brings before it is answered. Whatever is not an event, because a
 * provider asks whether somebody is there, is answered and leaves nothing.
 * @param call its URL as it was called here
 */
export async function ingest(
  deps: Deps,
  access: SourceAccess,
  { takeBody, address, ...called }: Call,
): Promise<Received> {
  const { source } = access
  const provider: Provider = PROVIDERS[source.provider]
  const started_at = deps.now()
  const note = (ending: Ending) =>
    writePoints(deps, [toIngestPoint(source, `${called.method} ${ROUTE}`, deps.now() - started_at, ending)])
  const refuse = (reason: Refusal): Received => {
    const refusal = reason === 'key_unavailable' ? KEY_UNAVAILABLE : NOT_VERIFIED
    note({ kind: 'not_believed', reason, status: PROBLEMS[refusal.code].status })
    noteFailure(deps, source, { reason, address, header_names: [...called.headers.keys()] })
    return err(refusal)
  }
  if (!mayComeFrom(address, source)) return refuse('address_not_allowed')
  const request = { ...called, url: asCalled(called.url, source.public_url), body: await takeBody() }
  const given = await givenTo(deps, source)
  const greeting = await provider.greet?.(request, given)
  if (greeting) {
    note({ kind: 'answered', status: greeting.status })
    return ok(greeting)
  }
  if (request.method !== 'POST') return err(NOT_ASKED)
  const verdict =
    given.credentials.length === 0 ? err<Refusal>('no_credentials') : await provider.verify(request, given)
  if (!verdict.ok) return refuse(verdict.error)
  const reply = await provider.reply?.(request, given)
  if (reply) {
    note({ kind: 'answered', status: reply.status })
    return ok(reply)
  }
  const result = await accept(deps, access, provider, request)
  note({ kind: 'event', result })
  return result.ok ? ok(result.value.answer) : result
}

/** An event in custody, and what its provider is told. */
interface Accepted {
  answer: Answer
  event_type: string
  is_duplicate: boolean
  deliveries: number
}

/** Takes custody of an event that was verified. */
async function accept(
  deps: Deps,
  access: SourceAccess,
  provider: Provider,
  request: InboundRequest,
): Promise<Result<Accepted, Problem>> {
  const { source } = access
  const hops = hopsOf(request.headers)
  if (hops >= HOPS_MAX) return err(problem('loop_detected', `this event went through sources ${hops} times already`))
  const within = await limit(deps, source)
  if (!within.ok) return within
  const draft = await toDraft(deps, source, provider, request, hops)
  const { results } = await publish(deps, access, [draft], source.paused_at === null ? null : source.id)
  const [result] = results
  if (result === undefined) throw new Error('one event has one result')
  if (!result.ok) return result
  noteFull(deps, source, result.value)
  const { event_type, is_duplicate, deliveries } = result.value
  const answer = answerTo(source, provider, result.value)
  return ok({ answer, event_type, is_duplicate, deliveries: deliveries.length })
}

/**
 * A publisher reads in the answer which endpoints had no room for a message. A provider would not; and refused, it would keep
 * sending what all others have, until it disables the URL for them too.
 */
function noteFull(
  { now, trace }: Deps,
  { tenant_id, id: source_id }: Source,
  { id: message_id, full }: Published,
): void {
  const times = full.length === 0 ? null : passed_over.count(source_id, now())
  if (times === null) return
  const ids = { tenant_id, source_id, message_id, trace_id: trace?.trace_id }
  log('warn', 'source.endpoints_full', { ...ids, endpoint_ids: full, times })
}

async function limit(deps: Deps, source: Source): Promise<Result<void, Problem>> {
  const { rate_limit_per_s } = source
  if (rate_limit_per_s === null) return ok(undefined)
  const within = await withinRate(deps, { ...source, rate_limit_per_s })
  if (within.ok) return within
  const headers = { 'retry-after': String(within.error.retry_after_s) }
  return err(problem('rate_limited', `this source takes ${rate_limit_per_s} requests a second`, { headers }))
}

function mayComeFrom(address: string | undefined, { networks }: Source): boolean {
  return networks === null || (address !== undefined && liesIn(address, networks))
}

async function givenTo(deps: Deps, source: Source): Promise<Given<unknown, unknown>> {
  return {
    credentials: await liveCredentials(deps, source, deps.now()),
    settings: source.settings,
    now: deps.now(),
    tolerance_ms: source.tolerance_s * 1000,
    means: createMeans(deps),
  }
}

/** What some providers sign is the URL that they were given, and not what a proxy has made of it. */
function asCalled(url: string, public_url: string | null): string {
  if (public_url === null) return url
  const [without_query = ''] = public_url.split('?', 1)
  return without_query + (queryOf(url) || queryOf(public_url))
}

/** As it is written: `URL` would escape in it what the provider has not. */
function queryOf(url: string): string {
  return url.includes('?') ? url.slice(url.indexOf('?')) : ''
}

function hopsOf(headers: Headers): number {
  const written = headers.get(HOPS_HEADER) ?? '0'
  return /^\d$/.test(written) ? Number(written) : HOPS_MAX
}

async function toDraft(
  { random }: Deps,
  source: Source,
  provider: Provider,
  request: InboundRequest,
  hops: number,
): Promise<Draft> {
  const identity = provider.identify(request, source.settings)
  const content_type = request.headers.get('content-type') ?? ''
  return {
    event_type: eventTypeOf(source.event_type_prefix, identity.type),
    content: {
      format: 'raw',
      content_type: CONTENT_TYPE.test(content_type) ? content_type : 'application/octet-stream',
      bytes: request.body,
    },
    headers: {
      ...forwardHeaders(request.headers, [...provider.forwards, ...(provider.alsoForwards?.(source.settings) ?? [])]),
      [SOURCE_HEADER]: source.id,
      [HOPS_HEADER]: String(hops + 1),
    },
    channels: source.channels,
    ordering_key: null,
    subject: null,
    idempotency_key: null,
    event: { source_id: source.id, event_id: await eventIdOf(identity, request.body, random) },
  }
}

/** What an event says of itself, or what it is: then two that are the same to the byte, sent at the same time, are one. */
async function eventIdOf(
  { id, sent_at = null, may_look_alike = false }: Identity,
  body: Uint8Array,
  random: RandomBytes,
): Promise<string> {
  if (id !== null) return `id:${id}`
  return may_look_alike ? `new:${toHex(random(16))}` : `body:${await sha256Hex(body)}:${sent_at ?? ''}`
}

/** What the owner has configured, or what the provider expects, or else what says most. */
function answerTo({ answer }: Source, provider: Provider, { id, is_duplicate }: Published): Answer {
  if (answer !== null) {
    const { status, content_type, body } = answer
    return { status, headers: { 'content-type': content_type }, body }
  }
  return (
    provider.answer ?? {
      status: 200,
      headers: JSON_ANSWER,
      body: JSON.stringify({ message_id: id, duplicate: is_duplicate }),
    }
  )
}
