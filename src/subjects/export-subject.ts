/**
 * Everything that was accepted about a data subject, line by line: each message as its receivers get it, and behind it
 * its deliveries with their attempts. What there is says the read model, in order; what it is, its Endpoints.
 */

import type { DeliveryView, StoredMessage, WholeDelivery } from '../../durable-objects/endpoint/rpc.ts'
import { record } from '../audit/audited.ts'
import { toDetailJson } from '../deliveries/contract.ts'
import type { Deps } from '../deps.ts'
import { findInLanes, type Reachable } from '../endpoints/call-lanes.ts'
import type { Layout } from '../endpoints/lanes.ts'
import type { TenantAccess } from '../http/access.ts'
import { encodeCursor } from '../http/paging.ts'
import type { Problem } from '../http/problems.ts'
import { toTime } from '../http/time.ts'
import { toBase64 } from '../lib/hash.ts'
import { ok, type Result } from '../lib/result.ts'
import { getPayload } from '../messages/body.ts'
import { findUnmatched } from '../messages/unmatched.ts'
import { showDelivery } from '../redaction/show.ts'
import { report } from '../report.ts'
import { Run } from '../retention/run.ts'
import { hashSubject } from './subject.ts'

/** Below what one invocation may make, and as long as anybody waits for an answer. */
const BOUNDS = { calls: 800, ms: 120_000 }
/** Asked at once; each may hold a payload of 96 KiB and attempts of 256 K characters. */
const DELIVERIES_PER_PAGE = 10
/** Endpoints that are asked for a message whose first ones were deleted. */
const HOLDERS_ASKED_MAX = 3
/** For a delivery, beside its lanes: its payload, and those holders, each with a lane or two. */
const CALLS_BESIDE = 8
/** Each may hold a payload of 96 KiB. */
const UNMATCHED_PER_PAGE = 10

/** After which delivery to go on; beyond all of them, after which message that nobody had subscribed to. */
export type ExportPlace = readonly [
  list: 'deliveries' | 'unmatched',
  accepted_at: number,
  message_id: string,
  endpoint_id: string,
]

const BEGINNING: ExportPlace = ['deliveries', 0, '', '']
const UNMATCHED: ExportPlace = ['unmatched', 0, '', '']

export type ExportLine = Record<string, unknown> & { kind: 'message' | 'delivery' | 'end' | 'error' }

interface Exporting {
  deps: Deps
  access: TenantAccess
  subject: string
  run: Run
}

/**
 * One line after the other, as fast as they are taken. The last is an `end`, which may say where to go on; or an `error`,
 * when something did not answer, which says where to try again. Without either the export is not complete.
 */
export async function exportSubject(
  deps: Deps,
  access: TenantAccess,
  name: string,
  from: ExportPlace = BEGINNING,
): Promise<Result<AsyncGenerator<ExportLine>, Problem>> {
  const subject = await hashSubject(access.tenant.id, name)
  const after = { subject_hash: subject, is_continued: from !== BEGINNING }
  const noted = await record(deps, access.tenant.id, { action: 'subject.export', target: null, after })
  if (!noted.ok) return noted
  return ok(linesOf({ deps, access, subject, run: new Run(deps.now, BOUNDS) }, from))
}

async function* linesOf(exporting: Exporting, from: ExportPlace): AsyncGenerator<ExportLine> {
  const { access, run } = exporting
  const counts = { messages: 0, deliveries: 0 }
  let place: ExportPlace | null = from
  try {
    while (place !== null) {
      const page: Page = await (place[0] === 'deliveries'
        ? ofDeliveries(exporting, place)
        : ofUnmatched(exporting, place))
      for (const line of page.lines) {
        counts[line.kind === 'message' ? 'messages' : 'deliveries']++
        yield line
      }
      place = page.next
      if (run.is_cut_off) break
    }
    yield { kind: 'end', ...counts, next_cursor: place && encodeCursor(place) }
  } catch (error) {
    report(exporting.deps, 'export.failed', error, { tenant_id: access.tenant.id })
    const next_cursor = encodeCursor(place ?? from)
    yield {
      kind: 'error',
      code: 'unavailable',
      detail: 'something did not answer: go on from next_cursor',
      next_cursor,
    }
  }
}

interface Page {
  lines: (ExportLine & { kind: 'message' | 'delivery' })[]
  /** Null at the end. */
  next: ExportPlace | null
}

interface Row extends DeliveryView {
  /** JSON; null when the endpoint was deleted. */
  layout: string | null
}

async function ofDeliveries(exporting: Exporting, place: ExportPlace): Promise<Page> {
  const { deps, access, subject, run } = exporting
  const [, ...after] = place
  if (!run.take()) return { lines: [], next: place }
  const { results } = await deps.env.DB.prepare(DELIVERIES)
    .bind(access.tenant.id, subject, ...after, DELIVERIES_PER_PAGE)
    .run<Row>()
  const endpoints = results.map(toReachable)
  // Each lane is a call; and each message may be asked for once more, and its payload.
  if (!run.take(endpoints.reduce((sum, endpoint) => sum + (endpoint?.layout.lanes_max ?? 0) + CALLS_BESIDE, 0)))
    return { lines: [], next: place }
  const whole = await Promise.all(results.map(({ message_id }, i) => find(deps, endpoints[i] ?? null, message_id)))
  const lines: Page['lines'] = []
  let message_id = after[1]
  for (const [i, row] of results.entries()) {
    if (row.message_id !== message_id) {
      message_id = row.message_id
      const held = whole.flatMap((one, at) =>
        one !== null && results[at]?.message_id === message_id ? one.message : [],
      )
      const kept = held.find(isKept) ?? (await findElsewhere(deps, access, row)) ?? held[0] ?? null
      lines.push(await messageLine(deps, row, kept))
    }
    const found = whole[i]
    const { layout: _, ...known } = row
    const detail = found ?? { delivery: known, attempts: [], expired_at: null }
    // Whoever it is about has a right to all of it.
    const shown = await showDelivery(deps, access.tenant.id, detail, async () => null, true)
    lines.push({ kind: 'delivery', ...toDetailJson(shown) })
  }
  const last = results.at(-1)
  const is_last = last === undefined || results.length < DELIVERIES_PER_PAGE
  return { lines, next: is_last ? UNMATCHED : ['deliveries', last.accepted_at, last.message_id, last.endpoint_id] }
}

/** Null for an endpoint that was deleted: nobody is there to be asked. */
function toReachable({ endpoint_id, layout }: Pick<Row, 'endpoint_id' | 'layout'>): Reachable | null {
  return layout === null ? null : { endpoint_id, layout: JSON.parse(layout) as Layout }
}

async function find(deps: Deps, endpoint: Reachable | null, message_id: string): Promise<WholeDelivery | null> {
  return endpoint && findInLanes<WholeDelivery>(deps.env, endpoint, (stub) => stub.whole(message_id))
}

/** Each Endpoint keeps the content by when its own delivery ended; what was erased is erased everywhere. */
const isKept = ({ body, erased_at }: StoredMessage) => body !== null || erased_at !== null

/** Of a message whose first holders are gone, or have let its content go: a few others, and the table of those that nobody subscribed to. */
async function findElsewhere(deps: Deps, { tenant }: TenantAccess, { accepted_at, message_id }: Named) {
  const { results } = await deps.env.DB.prepare(HOLDERS)
    .bind(tenant.id, accepted_at, message_id, HOLDERS_ASKED_MAX)
    .run<Pick<Row, 'endpoint_id' | 'layout'>>()
  for (const holder of results) {
    const found = await find(deps, toReachable(holder), message_id)
    if (found !== null && isKept(found.message)) return found.message
  }
  return findUnmatched(deps.env.DB, tenant.id, message_id)
}

/** Those that were replayed to an endpoint since have come among the deliveries. */
async function ofUnmatched({ deps, access, subject, run }: Exporting, place: ExportPlace): Promise<Page> {
  const [, accepted_at, id] = place
  if (!run.take(2 + 2 * UNMATCHED_PER_PAGE)) return { lines: [], next: place }
  const { results } = await deps.env.DB.prepare(UNMATCHED_MESSAGES)
    .bind(access.tenant.id, subject, accepted_at, id, UNMATCHED_PER_PAGE)
    .run<Named>()
  const lines: Page['lines'] = []
  for (const row of results) {
    lines.push(await messageLine(deps, row, await findUnmatched(deps.env.DB, access.tenant.id, row.message_id)))
  }
  const last = results.at(-1)
  const is_last = last === undefined || results.length < UNMATCHED_PER_PAGE
  return { lines, next: is_last ? null : ['unmatched', last.accepted_at, last.message_id, ''] }
}

type Named = Pick<DeliveryView, 'message_id' | 'event_type' | 'accepted_at'>

/** @param message null when nobody holds it any more: its endpoint was deleted */
async function messageLine(deps: Deps, row: Named, message: StoredMessage | null): Promise<Page['lines'][number]> {
  const { message_id: id, event_type: type, accepted_at } = row
  const named = { kind: 'message' as const, id, type, accepted_at: toTime(accepted_at) }
  const nothing = { payload: null, payload_base64: null }
  if (message === null) {
    const unknown = { channels: null, ordering_key: null, content_type: null, size_bytes: null }
    return { ...named, ...unknown, ...nothing, payload_omitted: 'missing' }
  }
  const { channels, ordering_key, content_type, body, size_bytes, erased_at } = message
  const shown = { ...named, channels, ordering_key, content_type, size_bytes, ...nothing }
  if (body === null) return { ...shown, payload_omitted: erased_at === null ? 'expired' : 'erased' }
  const bytes = 'inline' in body ? body.inline : await getPayload(deps.env.PAYLOADS, body.r2_key)
  if (bytes === null) return { ...shown, payload_omitted: 'missing' }
  const text = asText(bytes)
  return text === null
    ? { ...shown, payload_base64: toBase64(bytes), payload_omitted: null }
    : { ...shown, payload: text, payload_omitted: null }
}

function asText(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}

const DELIVERIES = `SELECT d.message_id, d.endpoint_id, d.event_type, d.state, d.reason, d.attempts, d.last_status, d.last_error,
    d.ordering_key, d.accepted_at, d.next_attempt_at, d.finished_at, d.erased_at, d.updated_at, e.layout
  FROM deliveries d LEFT JOIN endpoints e ON e.tenant_id = d.tenant_id AND e.id = d.endpoint_id
  WHERE d.tenant_id = ?1 AND d.subject = ?2 AND (d.accepted_at, d.message_id, d.endpoint_id) > (?3, ?4, ?5)
  ORDER BY d.accepted_at, d.message_id, d.endpoint_id LIMIT ?6`

const HOLDERS = `SELECT d.endpoint_id, e.layout FROM deliveries d
    JOIN endpoints e ON e.tenant_id = d.tenant_id AND e.id = d.endpoint_id
  WHERE d.tenant_id = ?1 AND d.accepted_at = ?2 AND d.message_id = ?3 LIMIT ?4`

const UNMATCHED_MESSAGES = `SELECT id AS message_id, event_type, accepted_at FROM unmatched_messages AS unmatched
  WHERE tenant_id = ?1 AND subject = ?2 AND (accepted_at, id) > (?3, ?4) AND NOT EXISTS (
    SELECT 1 FROM deliveries AS delivery WHERE delivery.tenant_id = ?1 AND delivery.accepted_at = unmatched.accepted_at
      AND delivery.message_id = unmatched.id)
  ORDER BY accepted_at, id LIMIT ?5`
