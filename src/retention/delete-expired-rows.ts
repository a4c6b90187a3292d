/**
 * Retention of what D1 has of each tenant: the read model of deliveries, dead letters, messages that
 * nobody subscribed to; and of what sources did not believe. A page is found and deleted by the order of a key that is there anyway.
 */
import type { Deps } from '../deps.ts'
import { DAY_MS } from '../lib/duration.ts'
import { report } from '../report.ts'
import { deleteOldFailures } from '../sources/expire-failures.ts'
import { loadProgress, saveProgress } from './progress.ts'
import type { Run } from './run.ts'

const TENANTS_PER_PAGE = 50
/** Rows looked at by one statement: some 50 ms of the one writer that everybody shares. */
const DELIVERIES_PER_PAGE = 5000
const DEAD_LETTERS_PER_PAGE = 1000
/** Each may hold a payload of 96 KiB. */
const UNMATCHED_PER_PAGE = 500
const FAILURES_MAX = 3

type DeliveryPlace = [accepted_at: number, message_id: string, endpoint_id: string]

/** Where a round through all tenants has come to. */
interface Progress {
  tenant_id: string
  /** The last delivery of this tenant that was looked at; null when it has not begun. */
  after: DeliveryPlace | null
}

interface Expiring {
  tenant_id: string
  /** What ended before this (Unix milliseconds) has had its time. */
  before: number
  /** 1 where there is something old. */
  dead_letters: 0 | 1
  unmatched_messages: 0 | 1
  deliveries: 0 | 1
}

const BEGINNING: Progress = { tenant_id: '', after: null }
const FIRST: DeliveryPlace = [-1, '', '']

/**
 * Goes through the tenants that have something old, once, or as far as the run may. One that fails keeps no other waiting.
 * @throws what D1 throws, at the end; what was deleted until then stays deleted, and a later run does the rest
 */
export async function deleteExpiredRows(deps: Deps, run: Run): Promise<void> {
  await deleteOldFailures(deps, run)
  const stopped = (run.take() ? await loadProgress<Progress>(deps, 'rows') : null) ?? BEGINNING
  const failures: unknown[] = []
  const reached = await goRound(deps, run, stopped, failures)
  const is_idle = run.counts.tenants === undefined && stopped.tenant_id === ''
  // Otherwise the same first tenants would use up every run.
  if (!is_idle) await saveProgress(deps, 'rows', reached).run()
  if (failures.length > 0) throw failures[0]
}

/** Answers where the next run has to go on. */
async function goRound(deps: Deps, run: Run, stopped: Progress, failures: unknown[]): Promise<Progress> {
  let reached = stopped
  for (let is_first = true; run.take(); is_first = false) {
    const tenants = await tenantsWithExpired(deps, run, reached.tenant_id, is_first)
    for (const tenant of tenants) {
      const { tenant_id } = tenant
      run.count('tenants', 1)
      try {
        const place = await deleteOfTenant(deps, run, tenant, tenant_id === stopped.tenant_id ? stopped.after : null)
        if (run.is_cut_off) return { tenant_id, after: place }
      } catch (error) {
        report(deps, 'retention.tenant_failed', error, { tenant_id })
        failures.push(error)
        // More than a few are no tenant's fault.
        if (failures.length === FAILURES_MAX) return { tenant_id, after: null }
      }
      reached = { tenant_id, after: null }
    }
    if (tenants.length < TENANTS_PER_PAGE) return BEGINNING
  }
  return reached
}

/** Answers the place that it has reached among the deliveries. */
async function deleteOfTenant(deps: Deps, run: Run, tenant: Expiring, after: DeliveryPlace | null) {
  const is_through =
    (await deletePages(deps, run, 'dead_letters', DELETE_DEAD_LETTERS, tenant, DEAD_LETTERS_PER_PAGE)) &&
    (await deletePages(deps, run, 'unmatched_messages', DELETE_UNMATCHED, tenant, UNMATCHED_PER_PAGE))
  return is_through && tenant.deliveries === 1 ? deleteDeliveries(deps, run, tenant, after) : after
}

/** Where everything old may go, a page is whatever is left. */
async function deletePages(
  { env }: Deps,
  run: Run,
  what: 'dead_letters' | 'unmatched_messages',
  statement: string,
  { tenant_id, before, ...has }: Expiring,
  page: number,
): Promise<boolean> {
  if (has[what] === 0) return true
  while (run.take()) {
    const { meta } = await env.DB.prepare(statement).bind(tenant_id, before, page).run()
    run.countChanges(what, meta)
    // Entries of indexes count as changes nowhere, so a page that was not full is the last.
    if (meta.changes < page) return true
  }
  return false
}

/**
 * Deliveries that have not ended stay, however old, and would be met again by every page: so pages go by
 * place, and the place is kept with what was deleted. Answers the place reached; null at the end.
 */
async function deleteDeliveries(
  deps: Deps,
  run: Run,
  { tenant_id, before }: Expiring,
  after: DeliveryPlace | null,
): Promise<DeliveryPlace | null> {
  const { env } = deps
  let from = after ?? FIRST
  while (run.take(2)) {
    const { results, meta } = await env.DB.prepare(END_OF_PAGE)
      .bind(tenant_id, ...from, before, DELIVERIES_PER_PAGE - 1)
      .run<{ accepted_at: number; message_id: string; endpoint_id: string }>()
    run.countRows(meta)
    const [end] = results
    const to: DeliveryPlace = end ? [end.accepted_at, end.message_id, end.endpoint_id] : [before, '', '']
    const deletion = env.DB.prepare(DELETE_DELIVERIES).bind(tenant_id, ...from, ...to, before)
    const is_last = end === undefined
    const progress: Progress = { tenant_id, after: to }
    const [deleted] = await env.DB.batch(is_last ? [deletion] : [deletion, saveProgress(deps, 'rows', progress)])
    if (deleted !== undefined) run.countChanges('deliveries', deleted.meta)
    if (is_last) return null
    from = to
  }
  return from
}

/** In the order of their ids; one without anything old costs a look at the beginning of each of its tables. */
async function tenantsWithExpired(
  { env, now }: Deps,
  run: Run,
  from: string,
  is_from_included: boolean,
): Promise<Expiring[]> {
  const { results, meta } = await env.DB.prepare(TENANTS)
    .bind(from, is_from_included ? 1 : 0, now(), TENANTS_PER_PAGE)
    .run<Expiring>()
  run.countRows(meta)
  return results
}

/** What waits for its source stays. Asked of the index, which is short where nothing is parked: payloads are not. */
function parkedOf(tenant: string, before: string): string {
  return `(SELECT id FROM unmatched_messages INDEXED BY unmatched_messages_parked
      WHERE tenant_id = ${tenant} AND parked_by IS NOT NULL AND accepted_at < ${before})`
}

const BEFORE = `(?3 - tenants.retention_days * ${DAY_MS})`
const TENANTS = `SELECT id AS tenant_id, ${BEFORE} AS before,
    EXISTS (SELECT 1 FROM deliveries WHERE tenant_id = tenants.id AND accepted_at < ${BEFORE}) AS deliveries,
    EXISTS (SELECT 1 FROM unmatched_messages WHERE tenant_id = tenants.id AND accepted_at < ${BEFORE}
      AND id NOT IN ${parkedOf('tenants.id', BEFORE)}) AS unmatched_messages,
    EXISTS (SELECT 1 FROM dead_letters
      WHERE tenant_id = tenants.id AND cause = 'exhausted' AND died_at < ${BEFORE}) AS dead_letters
  FROM tenants WHERE id >= ?1 AND (id > ?1 OR ?2) AND (deliveries OR unmatched_messages OR dead_letters)
  ORDER BY id LIMIT ?4`

const END_OF_PAGE = `SELECT accepted_at, message_id, endpoint_id FROM deliveries
  WHERE tenant_id = ?1 AND (accepted_at, message_id, endpoint_id) > (?2, ?3, ?4) AND accepted_at < ?5
  ORDER BY accepted_at, message_id, endpoint_id LIMIT 1 OFFSET ?6`

// What its endpoint took with it when it was deleted will never end.
const DELETE_DELIVERIES = `DELETE FROM deliveries
  WHERE tenant_id = ?1 AND (accepted_at, message_id, endpoint_id) > (?2, ?3, ?4)
    AND (accepted_at, message_id, endpoint_id) <= (?5, ?6, ?7)
    AND (finished_at < ?8 OR (finished_at IS NULL AND NOT EXISTS (
      SELECT 1 FROM endpoints WHERE endpoints.tenant_id = deliveries.tenant_id AND endpoints.id = deliveries.endpoint_id)))`

const DELETE_UNMATCHED = `DELETE FROM unmatched_messages WHERE (tenant_id, accepted_at, id) IN (
  SELECT tenant_id, accepted_at, id FROM unmatched_messages
    WHERE tenant_id = ?1 AND accepted_at < ?2 AND id NOT IN ${parkedOf('?1', '?2')} LIMIT ?3)`

// Internal ones are the operator's, and may be all that is left of a message: they wait for a person.
const DELETE_DEAD_LETTERS = `DELETE FROM dead_letters WHERE (tenant_id, id) IN (
  SELECT tenant_id, id FROM dead_letters WHERE tenant_id = ?1 AND cause = 'exhausted' AND died_at < ?2 LIMIT ?3)`
