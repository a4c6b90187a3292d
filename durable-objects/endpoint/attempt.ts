/**
 * One attempt, from a stored delivery to what became of it: prepared → sent → finished. Runs in the
 * Endpoint for the first few at once and in the Courier for the rest; it knows nothing of either.
 */
import { readData } from '../../src/lib/body-data.ts'
import { compileExpression, evaluateExpression } from '../../src/lib/expression.ts'
import { isForwardedHeader, isReservedHeader } from '../../src/lib/header-rules.ts'
import type { RandomBytes } from '../../src/lib/ids.ts'
import { createId } from '../../src/lib/ids.ts'
import type { Keyring } from '../../src/lib/keyring.ts'
import { checkPublicUrl, type UrlPolicy } from '../../src/lib/public-url.ts'
import { err, ok, type Result } from '../../src/lib/result.ts'
import {
  childOf,
  keptTrace,
  storedTraceId,
  TRACEPARENT,
  traceHeaders,
  withoutTrace,
} from '../../src/lib/trace-context.ts'
import { encodeUtf8 } from '../../src/lib/utf8.ts'
import type { Report } from '../../src/report.ts'
import { signatureHeader } from '../../src/signatures/standard-webhooks.ts'
import { VERSION } from '../../src/version.ts'
import type { Parcel } from './delivery-row.ts'
import type { Outcome } from './machine.ts'
import { errorOfStatus, outcomeOf, retryAfterMs } from './outcome.ts'
import { ownHeaders } from './own-headers.ts'
import { readCapped, responseHeaders, shownRequestHeaders, withoutValues } from './record.ts'
import type { AttemptError, AttemptRecord, EndpointSettings } from './rpc.ts'
import { signingKeys } from './signing-keys.ts'

/** How much of a response body is kept. */
const RESPONSE_BODY_BYTES_MAX = 4096

/** An expression's error may quote the message it failed on, however long. */
const DETAIL_LENGTH_MAX = 500

/** The settings one attempt depends on. */
type Destination = Pick<
  EndpointSettings,
  'tenant_id' | 'endpoint_id' | 'url' | 'headers' | 'secrets' | 'timeout_ms' | 'transform'
>

export interface AttemptJob {
  destination: Destination
  parcel: Parcel
  /** 1 for the first. */
  number: number
}

export interface AttemptMeans {
  fetch: typeof fetch
  now: () => number
  random: RandomBytes
  keyring: Keyring
  url_policy: UrlPolicy
  loadPayload: (r2_key: string) => Promise<Uint8Array | null>
  /** Of what cut an attempt off. */
  report: Report
}

export interface FinishedAttempt {
  record: AttemptRecord
  outcome: Outcome
}

interface Prepared {
  url: URL
  headers: Record<string, string>
  /** The same, as they are sent. */
  sent_headers: Headers
  body: Uint8Array
  /** Of the endpoint's own headers: not to be kept, whoever says them. */
  own_values: readonly string[]
}

interface Failed {
  error: AttemptError
  detail: string
}

/** Makes one attempt. Never throws: whatever goes wrong is in the record. */
export async function attempt(job: AttemptJob, means: AttemptMeans): Promise<FinishedAttempt> {
  const started_at = means.now()
  try {
    const prepared = await prepare(job, means, started_at)
    if (!prepared.ok) return finish(job, means, started_at, null, { ...prepared.error, response: null })
    const sent = await send(prepared.value, job.destination.timeout_ms, means)
    return finish(job, means, started_at, prepared.value, sent)
  } catch (error) {
    return interrupted(job, means, started_at, error)
  }
}

/** The record of an attempt that was cut off on our side: the platform, R2 or a bug, never the receiver. */
export function interrupted(
  job: AttemptJob,
  means: Pick<AttemptMeans, 'now' | 'random' | 'report'>,
  started_at: number,
  error: unknown,
): FinishedAttempt {
  means.report('attempt.interrupted', error, idsOf(job))
  const detail = error instanceof Error ? error.message : String(error)
  return finish(job, means, started_at, null, { error: 'interrupted', detail, response: null })
}

/** By which an attempt is found again. */
export function idsOf({ destination: { tenant_id, endpoint_id }, parcel: { message_id, headers } }: AttemptJob) {
  return { tenant_id, endpoint_id, message_id, trace_id: storedTraceId(headers) }
}

async function prepare(job: AttemptJob, means: AttemptMeans, now: number): Promise<Result<Prepared, Failed>> {
  const { destination, parcel } = job
  // Checked again at every attempt: the rules may have become stricter since the URL was saved.
  const url = checkPublicUrl(destination.url, means.url_policy)
  if (!url.ok) return err({ error: 'url_refused', detail: url.error.message })
  const payload =
    parcel.r2_key === null
      ? new Uint8Array(parcel.payload ?? new ArrayBuffer(0))
      : await means.loadPayload(parcel.r2_key)
  if (payload === null) {
    means.report('payload.missing', new Error('a payload that somebody holds is not in R2'), idsOf(job))
    return err({ error: 'payload_missing', detail: 'the stored payload could not be read' })
  }
  const body = await transform(destination.transform, parcel, payload)
  if (!body.ok) return body
  const keys = await signingKeys(destination, means, now)
  if (!keys.ok) return err({ error: 'signing_failed', detail: keys.error })
  const own_headers = await ownHeaders(destination, means)
  if (!own_headers.ok) return err({ error: 'signing_failed', detail: own_headers.error })
  const timestamp_s = Math.floor(now / 1000)
  const forwarded: Record<string, string> = JSON.parse(parcel.headers)
  const trace = keptTrace(forwarded)
  const headers: Record<string, string> = {
    ...only(withoutTrace(forwarded), isForwardedHeader),
    // An endpoint that sets a trace of its own gets nothing of another.
    ...(trace !== null && !(TRACEPARENT in own_headers.value) && traceHeaders(childOf(trace, means.random))),
    ...only(own_headers.value, (name) => !isReservedHeader(name)),
    // What comes back is kept as it came: nothing that a receiver packs is ever unpacked here.
    'accept-encoding': 'identity',
    'content-type': parcel.content_type,
    'user-agent': `Postern/${VERSION}`,
    'webhook-id': parcel.message_id,
    'webhook-timestamp': String(timestamp_s),
    'webhook-signature': await signatureHeader(keys.value, parcel.message_id, timestamp_s, body.value),
    'postern-attempt': String(job.number),
  }
  const sent_headers = sendable(headers)
  if (!sent_headers.ok) return sent_headers
  const own_values = Object.values(own_headers.value)
  return ok({ url: url.value, headers, sent_headers: sent_headers.value, body: body.value, own_values })
}

/** Left out again at every attempt: the rules may have become stricter since the headers were saved. */
function only(headers: Record<string, string>, isSent: (name: string) => boolean): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => isSent(name.toLowerCase())))
}

/** What no HTTP client would send is the message's or the endpoint's fault, and never the receiver's. */
function sendable(headers: Record<string, string>): Result<Headers, Failed> {
  try {
    return ok(new Headers(headers))
  } catch (error) {
    return err({ error: 'invalid_request', detail: (error as Error).message })
  }
}

async function transform(
  source: string | null,
  parcel: Parcel,
  payload: Uint8Array,
): Promise<Result<Uint8Array, Failed>> {
  if (source === null) return ok(payload)
  const failed = (detail: string) => err<Failed>({ error: 'transform_failed', detail })
  const expression = compileExpression(source)
  if (!expression.ok) return failed(expression.error.message)
  const input = expressionInput(parcel, payload)
  if (!input.ok) return failed(`the body ${input.error}`)
  const result = await evaluateExpression(expression.value, input.value)
  if (!result.ok) return failed(result.error.message)
  if (result.value === undefined) return failed('the transform has no result')
  if (typeof result.value === 'string' && parcel.format === 'raw') return ok(encodeUtf8(result.value))
  return ok(encodeUtf8(JSON.stringify(result.value)))
}

/** `{type, data, headers}` as filters and transforms see a message. */
function expressionInput(parcel: Parcel, payload: Uint8Array): Result<unknown, string> {
  const body = readData(parcel.content_type, payload)
  if (!body.ok) return body
  const data = parcel.format === 'event' ? (body.value as { data?: unknown }).data : body.value
  return ok({ type: parcel.event_type, data, headers: withoutTrace(JSON.parse(parcel.headers)) })
}

type Sent =
  | { error: AttemptError | null; detail: string | null; response: Answer }
  | { error: AttemptError; detail: string; response: null }

interface Answer {
  status: number
  headers: Record<string, string>
  body: string
  retry_after: string | null
}

async function send(
  { url, sent_headers: headers, body }: Prepared,
  timeout_ms: number,
  means: AttemptMeans,
): Promise<Sent> {
  // Not AbortSignal.timeout: its timer cannot be stopped, and would keep the object in memory, and billed, until it rings.
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), timeout_ms)
  const { signal } = timeout
  try {
    const response = await means.fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal })
    const answer: Answer = {
      status: response.status,
      headers: responseHeaders(response.headers),
      body: await readCapped(response.body, RESPONSE_BODY_BYTES_MAX, signal),
      retry_after: response.headers.get('retry-after'),
    }
    return { error: errorOfStatus(response.status), detail: null, response: answer }
  } catch (error) {
    if (signal.aborted) return { error: 'timeout', detail: `no answer within ${timeout_ms} ms`, response: null }
    return {
      error: 'connection_failed',
      detail: error instanceof Error ? error.message : String(error),
      response: null,
    }
  } finally {
    clearTimeout(timer)
  }
}

function finish(
  { number, destination, parcel }: AttemptJob,
  { now, random }: Pick<AttemptMeans, 'now' | 'random'>,
  started_at: number,
  prepared: Prepared | null,
  { error, detail, response }: Sent,
): FinishedAttempt {
  const ended_at = now()
  const shown = (text: string) => withoutValues(text, prepared?.own_values ?? [])
  return {
    record: {
      id: createId('att', started_at, random),
      number,
      started_at,
      duration_ms: ended_at - started_at,
      status: response?.status ?? null,
      error,
      detail: detail?.slice(0, DETAIL_LENGTH_MAX) ?? null,
      request_headers: prepared === null ? {} : shownRequestHeaders(prepared.headers, destination.headers),
      response_headers: Object.fromEntries(
        Object.entries(response?.headers ?? {}).map(([name, value]) => [name, shown(value)]),
      ),
      response_body: shown(response?.body ?? ''),
    },
    outcome: outcomeOf(
      error,
      response === null ? null : retryAfterMs(response.status, response.retry_after, ended_at),
      // Whatever was made and is no failure was cut off, or belongs to an earlier life: too many at worst, and few of them.
      parcel.attempts - parcel.failures,
    ),
  }
}
