/**
 * Retention of payloads in R2. Who needs one is never guessed from times: it goes when it is old and when,
 * at two looks at least ten minutes apart, no lane of any endpoint of its tenant held its message, nor did
 * D1. One look would not do: a message that is just being replayed to another endpoint may be held by
 * nobody that was asked at the right moment. Whatever hands a payload on takes less than ten minutes, or
 * writes it anew, which makes it young.
 */
import { and, eq, isNotNull, sql } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { eventTypes } from '../event-types/table.ts'
import { DAY_MS } from '../lib/duration.ts'
import { isQueued, type PayloadKey, parsePayloadKey } from '../messages/body.ts'
import { tenants } from '../tenants/table.ts'
import { heldMessages } from './held-messages.ts'
import { loadProgress, saveProgress } from './progress.ts'
import type { Run } from './run.ts'

const LOOK_AGAIN_MS_MIN = 10 * 60 * 1000
/** Each round lists the bucket, which is billed; less than a day, so that a cron never comes just too early. */
const ROUND_MS_MIN = 20 * 60 * 60 * 1000
/** A queue can keep a message that needs its payload for so long (README, "Deploy"). */
const QUEUED_DAYS_MAX = 14
/** What R2 lists, or deletes, at once. */
const PAGE = 1000
/** They lie in one value of D1, which takes 2 MB. */
const CANDIDATES_MAX = 10_000

interface Candidates {
  tenant_id: string
  keys: string[]
}

interface Progress {
  /** The last key that this round has come to; null when it is through. */
  after: string | null
  round_began_at: number
  looked_at: number
  /** Needed by nobody at the last look. */
  candidates: Candidates[]
}

interface Payload extends PayloadKey {
  key: string
  uploaded_at: number
  is_queued: boolean
}

/**
 * Looks once more at what nobody needed at the last run, and deletes what nobody needs now; then goes on
 * through the bucket, once a day.
 * @throws what D1 or R2 throws; what was deleted until then stays deleted
 */
export async function deleteUnneededPayloads(deps: Deps, run: Run): Promise<void> {
  run.take()
  const stored = await loadProgress<Progress>(deps, 'payloads')
  const progress = stored ?? { after: null, round_began_at: 0, looked_at: 0, candidates: [] }
  const now = deps.now()
  const begins = progress.after === null && now - progress.round_began_at >= ROUND_MS_MIN
  const is_due = begins || progress.after !== null
  if (now - progress.looked_at < LOOK_AGAIN_MS_MIN || (!is_due && progress.candidates.length === 0)) return
  const left = await deleteCandidates(deps, run, progress.candidates)
  const looked = is_due ? await look(deps, run, progress.after ?? '', left) : { after: null, candidates: left }
  const round_began_at = begins ? now : progress.round_began_at
  const reached: Progress = { ...looked, round_began_at, looked_at: deps.now() }
  await saveProgress(deps, 'payloads', reached).run()
}

/** Answers those that the run had no room for. */
async function deleteCandidates(deps: Deps, run: Run, candidates: readonly Candidates[]): Promise<Candidates[]> {
  for (const [i, { tenant_id, keys }] of candidates.entries()) {
    if (!run.take(2)) return candidates.slice(i)
    // Listed anew, because one may have been written again. Just before the first of them, since that is exclusive.
    const startAfter = keys[0]?.slice(0, -1) ?? ''
    const { payloads } = await list(deps, { prefix: `${tenant_id}/`, startAfter })
    const wanted = new Set(keys)
    const unneeded = await findUnneeded(
      deps,
      run,
      tenant_id,
      payloads.filter(({ key }) => wanted.has(key)),
    )
    if (unneeded === null) return candidates.slice(i)
    if (unneeded.length === 0) continue
    await deps.env.PAYLOADS.delete(unneeded)
    run.count('payloads', unneeded.length)
  }
  return []
}

/** Goes on through the bucket, tenant by tenant, for as long as the run may and there is room for candidates. */
async function look(
  deps: Deps,
  run: Run,
  from: string,
  left: readonly Candidates[],
): Promise<Pick<Progress, 'after' | 'candidates'>> {
  const candidates = [...left]
  let room = CANDIDATES_MAX - candidates.reduce((sum, { keys }) => sum + keys.length, 0)
  let after = from
  while (room >= PAGE && run.take()) {
    const { payloads, last_key, is_last } = await list(deps, { startAfter: after })
    run.count('listed', payloads.length)
    for (const [tenant_id, group] of Map.groupBy(payloads, (payload) => payload.tenant_id)) {
      const unneeded = await findUnneeded(deps, run, tenant_id, group)
      if (unneeded === null) return { after, candidates }
      if (unneeded.length > 0) candidates.push({ tenant_id, keys: unneeded })
      room -= unneeded.length
      after = group.at(-1)?.key ?? after
    }
    if (is_last) return { after: null, candidates }
    after = last_key ?? after
  }
  return { after, candidates }
}

/** Keys of payloads of one tenant that are old and that nobody needs; null when the run has no room for asking. */
async function findUnneeded(
  deps: Deps,
  run: Run,
  tenant_id: string,
  payloads: readonly Payload[],
): Promise<string[] | null> {
  if (payloads.length === 0) return []
  if (!run.take()) return null
  // Whose type is the shortest is not for the key of a payload to say: whoever keeps it longer says that it is held.
  const shortest = deps.db
    .select({ days: sql`MIN(${eventTypes.retention_days})` })
    .from(eventTypes)
    .where(and(eq(eventTypes.tenant_id, tenant_id), isNotNull(eventTypes.retention_days)))
  const tenant = await deps.db
    .select({
      retention_days: sql<number>`MIN(${tenants.retention_days}, COALESCE(${shortest}, ${tenants.retention_days}))`,
    })
    .from(tenants)
    .where(eq(tenants.id, tenant_id))
    .get()
  // Of a tenant that is gone, this is what somebody wrote who did not know it yet.
  const { retention_days = QUEUED_DAYS_MAX } = tenant ?? {}
  const keptDays = ({ is_queued }: Payload) => Math.max(retention_days, is_queued ? QUEUED_DAYS_MAX : 0)
  const old = payloads.filter((payload) => payload.uploaded_at < deps.now() - keptDays(payload) * DAY_MS)
  if (old.length === 0) return []
  const held = await heldMessages(deps, run, tenant_id, old)
  return held && old.filter(({ message_id }) => !held.has(message_id)).map(({ key }) => key)
}

/** What others keep in this bucket is no payload, and not ours to delete. */
async function list({ env }: Deps, options: { prefix?: string; startAfter: string }) {
  const { startAfter, ...rest } = options
  const listed = await env.PAYLOADS.list({
    ...rest,
    limit: PAGE,
    include: ['customMetadata'],
    ...(startAfter !== '' && { startAfter }),
  })
  const payloads = listed.objects.flatMap((object): Payload[] => {
    const { key, uploaded } = object
    const parsed = parsePayloadKey(key)
    return parsed === null ? [] : [{ ...parsed, key, uploaded_at: uploaded.getTime(), is_queued: isQueued(object) }]
  })
  return { payloads, last_key: listed.objects.at(-1)?.key, is_last: !listed.truncated }
}
