/**
 * Hands on what a source has parked to the endpoints that want it now. It may be cut off anywhere, and run twice at once:
 * a message leaves its row only when others have custody of it, and who has it already says that it is a duplicate.
 */
import type { Deps } from '../deps.ts'
import { ENDPOINT, type LoadedRow, readTenant, TENANT } from '../http/access.ts'
import { readData } from '../lib/body-data.ts'
import type { SharedSteps } from '../lib/expression-budget.ts'
import { Outage } from '../lib/outage.ts'
import { keptTrace, storedTraceId } from '../lib/trace-context.ts'
import { createFilterSteps, matchSubscriptions, type Subscription, type Target } from '../messages/match.ts'
import type { Message } from '../messages/message.ts'
import { type Placed, placeMessages } from '../messages/place.ts'
import { report } from '../report.ts'
import { Run } from '../retention/run.ts'
import { BEGINNING, endParking, type Parked, type Place, readParked, toMessage } from './parked.ts'

type ReleaseDeps = Pick<Deps, 'env' | 'now' | 'waitUntil'>

export interface Release {
  tenant_id: string
  source_id: string
  /** What was parked until there was looked at; null for nothing. */
  after: Place | null
}

/** Of the 1,000 that an invocation may make; and well within the time that the queue gives it. */
const BOUNDS = { calls: 800, ms: 20_000 }
/** Each may have a payload of 96 KiB in its row, which D1 hands over in several times as much. */
const MESSAGES_PER_PAGE = 20
/** A page is told where it goes in one batch, and read in one query. */
const CALLS_OF_PAGE = 4

/** One that is parked, and who wants it. */
interface Ready {
  parked: Parked
  message: Message
  targets: Target[]
}

/**
 * Goes on after a place, for as long as an invocation may. Null at the end; also when the source is paused again.
 * @returns the place that it has come to, for the next to go on
 * @throws what D1 and R2 throw, and Outage when an Endpoint does not answer: what is left stays parked
 */
export async function releaseSome(deps: ReleaseDeps, { after, ...source }: Release): Promise<Place | null> {
  const run = new Run(deps.now, BOUNDS)
  run.take()
  const { results } = await deps.env.DB.prepare(SUBSCRIPTIONS).bind(source.tenant_id).all<LoadedRow>()
  const { tenant, subscriptions } = readTenant(results)
  // What a deleted tenant has goes with it.
  if (tenant === null) return null
  const { per_page, calls } = pageFor(subscriptions)
  for (let place = after ?? BEGINNING; ; ) {
    if (!run.take(calls)) return place
    const page = await readParked(deps.env, source, place, per_page)
    await releasePage(deps, source, subscriptions, page)
    const last = page.at(-1)
    if (last === undefined || page.length < per_page) return null
    place = [last.accepted_at, last.id]
  }
}

/** How many messages a page has, and what calls it makes at worst. */
function pageFor(subscriptions: readonly Subscription[]): { per_page: number; calls: number } {
  const lanes = subscriptions.reduce((sum, { layout }) => sum + layout.lanes_max, 0)
  const is_ordered = subscriptions.some(({ ordering }) => ordering !== 'none')
  // Twice: the arbiter is asked before the others. From R2 it is read, and may be written for others to read.
  const of_page = CALLS_OF_PAGE + (is_ordered ? 0 : 2 * lanes)
  const of_message = 3 + (is_ordered ? 2 * lanes : 0)
  const room = Math.floor((BOUNDS.calls - 1 - of_page) / of_message)
  const per_page = Math.max(1, Math.min(MESSAGES_PER_PAGE, room))
  return { per_page, calls: Math.min(BOUNDS.calls - 1, of_page + per_page * of_message) }
}

async function releasePage(
  deps: ReleaseDeps,
  source: { tenant_id: string; source_id: string },
  subscriptions: readonly Subscription[],
  page: readonly Parked[],
): Promise<void> {
  const steps = createFilterSteps()
  const handed_on: Parked[] = []
  const unwanted: Parked[] = []
  let failure: unknown = null
  for (const group of groupsOf(page, subscriptions)) {
    try {
      const { ready, nobodys } = await prepare(deps, source, subscriptions, group, steps)
      unwanted.push(...nobodys)
      const placed = await placeMessages(deps, ready)
      for (const [i, { parked, message }] of ready.entries()) {
        const fate = fateOf(placed[i])
        if (fate === 'handed_on') handed_on.push(parked)
        if (fate === 'unwanted' || fate === 'conflict') unwanted.push(parked)
        if (fate === 'conflict') reportConflict(deps, source, message)
        if (fate === 'missing') failure ??= new Outage(`${message.id} is not in custody of all who want it`)
      }
    } catch (error) {
      failure = error
    }
    // What comes later must not overtake it.
    if (failure !== null) break
  }
  await endParking(deps.env, source, { handed_on, unwanted })
  if (failure !== null) throw failure
}

/**
 * What is placed together: all of a page's small messages, unless somebody wants them in order. A large one goes alone,
 * since there is memory for one.
 */
function groupsOf(page: readonly Parked[], subscriptions: readonly Subscription[]): Parked[][] {
  const is_ordered = subscriptions.some(({ ordering }) => ordering !== 'none')
  const groups: Parked[][] = []
  for (const parked of page) {
    const is_alone = is_ordered || parked.r2_key !== null
    const last = groups.at(-1)
    if (last === undefined || is_alone || last[0]?.r2_key !== null) groups.push([parked])
    else last.push(parked)
  }
  return groups
}

async function prepare(
  deps: ReleaseDeps,
  { tenant_id, source_id }: { tenant_id: string; source_id: string },
  subscriptions: readonly Subscription[],
  group: readonly Parked[],
  steps: SharedSteps,
): Promise<{ ready: Ready[]; nobodys: Parked[] }> {
  const ready: Ready[] = []
  const nobodys: Parked[] = []
  for (const parked of group) {
    const message = await toMessage(deps.env, tenant_id, parked)
    if (message === null) {
      const lost = new Error('a payload that is parked is not in R2')
      const trace_id = storedTraceId(parked.headers)
      report(deps, 'payload.missing', lost, { tenant_id, source_id, message_id: parked.id, trace_id })
    }
    const targets = message === null ? [] : await findTargets(subscriptions, message, steps)
    if (message === null || targets.length === 0) nobodys.push(parked)
    else ready.push({ parked, message, targets })
  }
  return { ready, nobodys }
}

/** As for what is published (messages/publish.ts). */
function findTargets(
  subscriptions: readonly Subscription[],
  { event_type, channels, headers, content_type, bytes }: Message,
  steps: SharedSteps,
): Promise<Target[]> {
  const data = subscriptions.some(({ filter }) => filter !== null) ? readData(content_type, bytes) : null
  const readable = data?.ok === false ? { data: null, unreadable: data.error } : { data: data?.value, unreadable: null }
  return matchSubscriptions(subscriptions, { event_type, channels, headers, ...readable }, steps)
}

/** What becomes of a parked message by what became of its deliveries. */
function fateOf(placed: Placed | undefined): 'handed_on' | 'unwanted' | 'stays' | 'conflict' | 'missing' {
  switch (placed?.kind) {
    case 'conflict':
      return 'conflict'
    case 'accepted':
      // Somebody has no room for it. Those behind it are not kept waiting; the cron looks again.
      if (placed.full.length > 0) return 'stays'
      return placed.deliveries.length > 0 ? 'handed_on' : 'unwanted'
    case 'not_all_placed':
    case undefined:
      return 'missing'
  }
}

/** Cannot be, since the id is made of what the fingerprint is of; and would come again for ever. */
function reportConflict(
  deps: ReleaseDeps,
  { tenant_id, source_id }: { tenant_id: string; source_id: string },
  { id, headers }: Message,
): void {
  const conflict = new Error('the id of a parked message stands for another content at an Endpoint')
  const trace_id = keptTrace(headers)?.trace_id
  report(deps, 'source.unreleasable', conflict, { tenant_id, source_id, message_id: id, trace_id })
}

const SUBSCRIPTIONS = `WITH loaded (kind, value) AS (SELECT ${TENANT} FROM tenants WHERE id = ?1
    UNION ALL SELECT ${ENDPOINT} FROM endpoints WHERE tenant_id = ?1) SELECT kind, value FROM loaded`
