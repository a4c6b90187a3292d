import { and, asc, eq, gt, lte, or, type SQL, sql } from 'drizzle-orm'
import { record } from '../audit/audited.ts'
import { OPERATOR_CHAIN } from '../audit/entry.ts'
import type { Deps } from '../deps.ts'
import { controlDeliveries, reachable } from '../endpoints/call-lanes.ts'
import type { Bindings } from '../env.ts'
import type { TenantAccess } from '../http/access.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { renewPayload } from '../messages/body.ts'
import { fanoutMessage } from '../queues/messages.ts'
import { deleteRestarted, isInternal, NO_DEAD_LETTER } from './delete-dead-letters.ts'
import { type DeadLetterFilter, type DeadLetterRow, fits, isExhausted } from './list-dead-letters.ts'
import { deadLetters } from './table.ts'

const PAGE = 500
/** What one request may start; a caller with more asks again. */
export const REDRIVEN_MAX = 10_000
/** As many as may be started without a one-time code. */
export const REDRIVEN_UNASKED_MAX = 1000

type Filter = DeadLetterFilter & { ids?: string[] | undefined }

export interface Redriven {
  /** Started again. */
  count: number
  /** No longer held by their endpoint, because retention has ended or the endpoint is gone. */
  missing: number
  /** Without any content left: it was erased on behalf of its data subject. */
  erased: number
  /** More fit the filter than one request may start. */
  has_more: boolean
}

/** Whether more than so many fit the filter. */
export async function areMoreThan(count: number, { db }: Deps, tenant_id: string, filter: Filter): Promise<boolean> {
  if (filter.ids !== undefined && filter.ids.length <= count) return false
  const fitting = db.select({ one: sql`1` }).from(deadLetters).where(isWanted(tenant_id, filter))
  return (await fitting.limit(1).offset(count).get()) !== undefined
}

/** Starts dead deliveries again, oldest death first. Those that die while it runs are left for the next time. */
export async function redriveExhausted(
  deps: Deps,
  access: TenantAccess,
  filter: Filter,
  count_max: number,
): Promise<Result<Redriven, Problem>> {
  const noted = await record(deps, access.tenant.id, {
    action: 'dead_letter.redrive',
    target: null,
    after: { ...filter },
  })
  if (!noted.ok) return noted
  const started_at = deps.now()
  let count = 0
  let missing = 0
  let erased = 0
  let after: [number, string] = [0, '']
  for (let seen = 0; seen < count_max; ) {
    const rows = await readPage(deps, access.tenant.id, filter, started_at, after)
    const outcome = await restart(deps, access, rows, started_at)
    count += outcome.count
    missing += outcome.missing
    erased += outcome.erased
    seen += rows.length
    const last = rows.at(-1)
    if (rows.length < PAGE || last === undefined) return ok({ count, missing, erased, has_more: false })
    after = [last.died_at, last.id]
  }
  return ok({ count, missing, erased, has_more: true })
}

function isWanted(tenant_id: string, { ids, ...filter }: Filter): SQL | undefined {
  const isNamed =
    ids === undefined ? undefined : sql`${deadLetters.id} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`
  return and(isExhausted(tenant_id), fits(filter), isNamed)
}

function readPage(
  { db }: Deps,
  tenant_id: string,
  filter: Filter,
  died_until: number,
  [died_at, id]: [number, string],
): Promise<DeadLetterRow[]> {
  return db
    .select()
    .from(deadLetters)
    .where(
      and(
        isWanted(tenant_id, filter),
        lte(deadLetters.died_at, died_until),
        or(gt(deadLetters.died_at, died_at), and(eq(deadLetters.died_at, died_at), gt(deadLetters.id, id))),
      ),
    )
    .orderBy(asc(deadLetters.died_at), asc(deadLetters.id))
    .limit(PAGE)
    .all()
}

async function restart(
  deps: Deps,
  { tenant, subscriptions }: TenantAccess,
  rows: readonly DeadLetterRow[],
  died_until: number,
) {
  const by_endpoint = Map.groupBy(rows, ({ endpoint_id }) => endpoint_id ?? '')
  const results = await Promise.all(
    [...by_endpoint].map(async ([endpoint_id, letters]) => {
      const message_ids = letters.map(({ message_id }) => message_id ?? '')
      const endpoint = reachable(subscriptions, endpoint_id)
      const outcomes = await controlDeliveries(deps.env, endpoint, 'redrive', message_ids)
      return letters.map(({ id }, i) => ({ id, outcome: outcomes[i] ?? 'not_found' }))
    }),
  )
  const all = results.flat()
  // `wrong_state`: somebody else has started it again meanwhile, so it is no dead letter any more.
  const obsolete = all.filter(({ outcome }) => outcome !== 'not_found' && outcome !== 'expired')
  await deleteRestarted(
    deps,
    tenant.id,
    obsolete.map(({ id }) => id),
    died_until,
  )
  return {
    count: all.filter(({ outcome }) => outcome === 'done').length,
    missing: all.length - obsolete.length,
    erased: all.filter(({ outcome }) => outcome === 'erased').length,
  }
}

/** Puts a message that Postern could not process back into the queue it came from: after a fix, that is. */
export async function redriveInternal(deps: Deps, id: string): Promise<Result<void, Problem>> {
  const letter = await deps.db.select().from(deadLetters).where(isInternal(id)).get()
  if (letter === undefined) return err(NO_DEAD_LETTER)
  const queue = queueOf(deps.env, letter.queue)
  if (queue === null) return err(problem('wrong_state', 'it cannot be told which queue it came from'))
  const body: unknown = JSON.parse(letter.body ?? 'null')
  const noted = await record(deps, OPERATOR_CHAIN, { action: 'internal_dead_letter.redrive', target: id })
  if (!noted.ok) return noted
  const r2_key = payloadOf(body)
  // This row was what kept the payload; in its queue the message may wait for days.
  if (r2_key !== null) await renewPayload(deps.env.PAYLOADS, r2_key)
  await queue.send(body)
  await deps.db.delete(deadLetters).where(isInternal(id))
  return ok(undefined)
}

function payloadOf(body: unknown): string | null {
  const message = fanoutMessage.safeParse(body)
  return message.success && 'r2_key' in message.data.item.body ? message.data.item.body.r2_key : null
}

function queueOf(env: Bindings, name: string | null): Queue<unknown> | null {
  switch (name) {
    case 'fanout':
      return env.FANOUT
    case 'retries':
      return env.RETRIES
    case 'releases':
      return env.RELEASES
    case 'dead-letters':
      return env.DEAD_LETTERS
    default:
      return null
  }
}
