/**
 * Retention of event types that keep content for less long than their tenant keeps everything: what D1 has of
 * it. That is the payload of messages that nobody subscribed to (their rows stay, since they know the ids), and
 * dead letters, which nobody could redrive any more. Endpoints look after their own.
 */
import type { Deps } from '../deps.ts'
import { DAY_MS } from '../lib/duration.ts'
import { loadProgress, saveProgress } from './progress.ts'
import type { Run } from './run.ts'

const GROUPS_PER_PAGE = 50
/** Rows looked at by one statement, without their payloads. */
const UNMATCHED_PER_PAGE = 5000
const DEAD_LETTERS_PER_PAGE = 1000

/** Types of one tenant that keep content equally long. */
interface Group {
  tenant_id: string
  retention_days: number
  /** Their names, as a JSON list. */
  names: string
  /** What is older (Unix milliseconds) has had its time. */
  before: number
  /** Nothing older than this is left, as far as is known. */
  done_until: number
}

/** The last group that this round has come to. */
type Progress = [tenant_id: string, retention_days: number]

const BEGINNING: Progress = ['', 0]

/**
 * Goes through all such types, once, or as far as the run may.
 * @throws what D1 throws; what was deleted until then stays deleted, and a later run does the rest
 */
export async function expireContent(deps: Deps, run: Run): Promise<void> {
  const stopped = (run.take() ? await loadProgress<Progress>(deps, 'content') : null) ?? BEGINNING
  const reached = await goRound(deps, run, stopped)
  const is_idle = reached === BEGINNING && stopped[0] === ''
  if (!is_idle) await saveProgress(deps, 'content', reached).run()
}

/** Answers where the next run has to go on. */
async function goRound(deps: Deps, run: Run, stopped: Progress): Promise<Progress> {
  let reached = stopped
  while (run.take()) {
    const { results: groups, meta } = await deps.env.DB.prepare(GROUPS)
      .bind(...reached, deps.now(), GROUPS_PER_PAGE)
      .run<Group>()
    run.countRows(meta)
    for (const group of groups) {
      // Dead letters first: how far it has come is noted with the messages, and counts for both.
      const is_through = (await deleteDeadLetters(deps, run, group)) && (await expireUnmatched(deps, run, group))
      if (!is_through) return reached
      reached = [group.tenant_id, group.retention_days]
    }
    if (groups.length < GROUPS_PER_PAGE) return BEGINNING
  }
  return reached
}

async function expireUnmatched(deps: Deps, run: Run, group: Group): Promise<boolean> {
  const { DB } = deps.env
  const { tenant_id, retention_days, names, before, done_until } = group
  for (let from = done_until; run.take(2); ) {
    const { results, meta } = await DB.prepare(END_OF_PAGE)
      .bind(tenant_id, from, before, UNMATCHED_PER_PAGE)
      .run<{ accepted_at: number }>()
    run.countRows(meta)
    const [end] = results
    // A millisecond with more than a page of messages is one page.
    const to = end === undefined ? before : Math.max(end.accepted_at, from + 1)
    const statements = [DB.prepare(EXPIRE_UNMATCHED).bind(tenant_id, names, from, to, deps.now())]
    // Once a day is enough where there is little: each is a row written for each type.
    const is_worth_noting = end !== undefined || to - done_until >= DAY_MS
    if (is_worth_noting) statements.push(DB.prepare(NOTE).bind(tenant_id, retention_days, to))
    const [expired] = await DB.batch(statements)
    if (expired !== undefined) run.countChanges('unmatched_messages', expired.meta)
    if (end === undefined) return true
    from = to
  }
  return false
}

async function deleteDeadLetters(
  { env }: Deps,
  run: Run,
  { tenant_id, names, before, done_until }: Group,
): Promise<boolean> {
  while (run.take()) {
    const { meta } = await env.DB.prepare(DELETE_DEAD_LETTERS)
      .bind(tenant_id, names, done_until, before, DEAD_LETTERS_PER_PAGE)
      .run()
    run.countChanges('dead_letters', meta)
    if (meta.changes < DEAD_LETTERS_PER_PAGE) return true
  }
  return false
}

// A day before what was done: a message that was accepted long before it came here has the time of then.
const GROUPS = `SELECT types.tenant_id, types.retention_days, json_group_array(types.name) AS names,
    ?3 - types.retention_days * ${DAY_MS} AS before, MAX(0, MIN(types.expired_until) - ${DAY_MS}) AS done_until
  FROM event_types AS types JOIN tenants ON tenants.id = types.tenant_id
  WHERE types.retention_days IS NOT NULL AND types.retention_days < tenants.retention_days
    AND (types.tenant_id, types.retention_days) > (?1, ?2)
  GROUP BY types.tenant_id, types.retention_days ORDER BY types.tenant_id, types.retention_days LIMIT ?4`

const END_OF_PAGE = `SELECT accepted_at FROM unmatched_messages
  WHERE tenant_id = ?1 AND accepted_at >= ?2 AND accepted_at < ?3 ORDER BY accepted_at LIMIT 1 OFFSET ?4`

// What is parked has not been offered to anybody yet.
const EXPIRE_UNMATCHED = `UPDATE unmatched_messages SET payload = NULL, r2_key = NULL, headers = '{}', expired_at = ?5
  WHERE tenant_id = ?1 AND accepted_at >= ?3 AND accepted_at < ?4 AND expired_at IS NULL AND parked_by IS NULL
    AND event_type IN (SELECT value FROM json_each(?2))`

const NOTE =
  'UPDATE event_types SET expired_until = ?3 WHERE tenant_id = ?1 AND retention_days = ?2 AND expired_until < ?3'

const DELETE_DEAD_LETTERS = `DELETE FROM dead_letters WHERE (tenant_id, id) IN (
  SELECT tenant_id, id FROM dead_letters WHERE tenant_id = ?1 AND cause = 'exhausted' AND died_at >= ?3 AND died_at < ?4
    AND event_type IN (SELECT value FROM json_each(?2)) LIMIT ?5)`
