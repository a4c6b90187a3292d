/** Walks a chain and names the first entry that does not hold. */
import { and, asc, desc, eq, gte, lt } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import type { Keyring } from '../lib/keyring.ts'
import { type Checkpoint, checkCheckpoint, listCheckpoints } from './checkpoint.ts'
import type { Action } from './entry.ts'
import { BEGINNING, checkSeal, type Head } from './seal-entry.ts'
import { type AuditRow, auditLog } from './table.ts'

const PAGE = 500
/** Entries that one request looks at; more go on from `next`. */
const ENTRIES_MAX = 20_000

export const FAULTS = [
  'missing',
  'altered',
  'forged',
  'out_of_order',
  'beginning_missing',
  'end_missing',
  'rewritten',
  'checkpoint_forged',
] as const

/** What is wrong, and from which entry on. */
interface Fault {
  seq: number
  reason: (typeof FAULTS)[number]
}

export interface Verdict {
  fault: Fault | null
  /** Entries looked at. */
  entries: number
  checkpoints: number
  /** The last one looked at; null of an empty chain. */
  head: Head | null
  /** Entries at the end for which only a master key that is gone could vouch. */
  unvouched: number
  /** Where to go on; null when the end was reached. */
  next: number | null
}

/**
 * Looks at every entry, and at the checkpoints of what it has looked at.
 * @param from the first entry to look at, `next` of the verdict before
 * @param kept a checkpoint that the caller has kept
 * @throws what D1 or R2 throws
 */
export async function verifyChain(deps: Deps, chain: string, from = 0, kept?: Checkpoint): Promise<Verdict> {
  const verdict = await lookOver(deps, chain, from, kept)
  // Retention may have taken the beginning while it was looked for.
  return verdict.fault?.reason === 'beginning_missing' ? lookOver(deps, chain, from, kept) : verdict
}

async function lookOver(deps: Deps, chain: string, from: number, kept?: Checkpoint): Promise<Verdict> {
  const walk = new Walk(deps.settings.keyring, await beginningOf(deps, chain, from))
  let is_end = false
  while (!is_end && walk.fault === null && walk.entries < ENTRIES_MAX) {
    const rows = await readPage(deps, chain, walk.is_begun ? walk.head.seq + 1 : from)
    for (const row of rows) await walk.take(row)
    is_end = rows.length < PAGE
  }
  // Before the checkpoints are read: what is added meanwhile is not missing.
  const checkpoints = await takeCheckpoints(deps, chain, walk, { from, is_end, kept })
  return {
    fault: walk.fault,
    entries: walk.entries,
    checkpoints,
    head: walk.is_begun ? walk.head : null,
    unvouched: walk.unvouched,
    next: is_end || walk.fault !== null ? null : walk.head.seq + 1,
  }
}

interface Beginning {
  head: Head
  /** Whether `head` is an entry that is there. */
  is_there: boolean
  /** Whether an entry under a key that is there was met until then. */
  is_vouched: boolean
}

/** Goes from entry to entry. */
class Walk {
  fault: Fault | null = null
  entries = 0
  unvouched = 0
  /** An entry under a key that is there has been met. */
  private is_vouched: boolean
  /** Whether `head` is an entry that is there. */
  is_begun: boolean
  head: Head
  /** Hashes by number, for the checkpoints. */
  readonly hashes = new Map<number, string>()
  private readonly keyring: Keyring

  constructor(keyring: Keyring, { head, is_there, is_vouched }: Beginning) {
    this.keyring = keyring
    this.head = head
    this.is_begun = is_there
    this.is_vouched = is_vouched
  }

  async take(row: AuditRow): Promise<void> {
    if (this.fault !== null) return
    this.entries++
    const expected = this.head.seq + 1
    const reason = await this.judge(row, expected)
    if (reason !== null) {
      this.fault = { seq: Math.min(row.seq, expected), reason }
      return
    }
    this.is_begun = true
    this.head = { seq: row.seq, hash: row.hash }
    this.hashes.set(row.seq, row.hash)
  }

  private async judge(row: AuditRow, expected: number): Promise<Fault['reason'] | null> {
    if (row.seq !== expected) return this.is_begun ? 'missing' : 'beginning_missing'
    const seal = await checkSeal(this.keyring, row)
    if (seal === 'altered' || seal === 'forged') return seal
    // Anybody can name a key that is gone, and the next entry is written behind whatever is the last: so it vouches only
    // for what came before the first of a key that is there.
    if (seal === 'unknown_key' && this.is_vouched) return 'forged'
    // Its hash holds for it, but it is not the one that stood here when the next was written.
    if (row.prev_hash !== this.head.hash) return this.is_begun ? 'out_of_order' : 'beginning_missing'
    this.unvouched = seal === 'holds' ? 0 : this.unvouched + 1
    this.is_vouched ||= seal === 'holds'
    return null
  }
}

/** What the first entry has to follow: nothing, what retention took last, or the entry before `from`. */
async function beginningOf({ db, settings }: Deps, chain: string, from: number): Promise<Beginning> {
  const isOfChain = eq(auditLog.tenant_id, chain)
  if (from > 0) {
    const before = await db
      .select()
      .from(auditLog)
      .where(and(isOfChain, lt(auditLog.seq, from)))
      .orderBy(desc(auditLog.seq))
      .limit(1)
      .get()
    // Everything before it was looked at with the page before: had it followed one that holds, it would have to hold too.
    if (before !== undefined)
      return { head: before, is_there: true, is_vouched: (await checkSeal(settings.keyring, before)) === 'holds' }
  }
  const expired = await db
    .select({ after: auditLog.after })
    .from(auditLog)
    .where(and(isOfChain, eq(auditLog.action, 'audit_log.expire' satisfies Action)))
    .orderBy(desc(auditLog.seq))
    .limit(1)
    .get()
  const head = expired === undefined ? BEGINNING : readExpired(expired.after)
  return { head, is_there: false, is_vouched: false }
}

/** Of an entry that nobody vouches for yet: if it was made up, the walk comes to it. */
function readExpired(after: string | null): Head {
  try {
    const { seq, hash } = JSON.parse(after ?? '{}') as Partial<Head>
    return typeof seq === 'number' && typeof hash === 'string' ? { seq, hash } : BEGINNING
  } catch {
    return BEGINNING
  }
}

function readPage({ db }: Deps, chain: string, from: number): Promise<AuditRow[]> {
  return (
    db
      .select()
      .from(auditLog)
      // From the beginning without a bound: what somebody has put before the first entry is to be met too.
      .where(and(eq(auditLog.tenant_id, chain), from > 0 ? gte(auditLog.seq, from) : undefined))
      .orderBy(asc(auditLog.seq))
      .limit(PAGE)
      .all()
  )
}

interface Range {
  from: number
  is_end: boolean
  kept: Checkpoint | undefined
}

/** Compares with what was signed of the entries that were looked at. Answers how many there were. */
async function takeCheckpoints(deps: Deps, chain: string, walk: Walk, { from, is_end, kept }: Range): Promise<number> {
  let count = 0
  const take = async (checkpoint: Checkpoint) => {
    const is_beyond = checkpoint.seq > walk.head.seq
    if (walk.fault !== null || (is_beyond && !is_end)) return
    count++
    const reason = await judgeCheckpoint(deps.settings.keyring, chain, checkpoint, walk, is_beyond)
    if (reason !== null) walk.fault = { seq: reason === 'end_missing' ? walk.head.seq + 1 : checkpoint.seq, reason }
  }
  if (kept !== undefined) await take(kept)
  for (let after: number | null = Math.max(0, from - 1); after !== null; ) {
    const { checkpoints, is_last } = await listCheckpoints(deps, chain, { after })
    for (const checkpoint of checkpoints) await take(checkpoint)
    const reached: number = checkpoints.at(-1)?.seq ?? Number.POSITIVE_INFINITY
    after = is_last || walk.fault !== null || reached > walk.head.seq ? null : reached
  }
  return count
}

async function judgeCheckpoint(
  keyring: Keyring,
  chain: string,
  checkpoint: Checkpoint,
  { hashes }: Walk,
  is_beyond: boolean,
): Promise<Fault['reason'] | null> {
  const seal = await checkCheckpoint(keyring, checkpoint)
  // Nobody can tell whether one was ours whose key is gone, so it proves nothing, either way.
  if (seal === 'unknown_key') return null
  if (seal === 'forged' || checkpoint.chain !== chain) return 'checkpoint_forged'
  if (is_beyond) return 'end_missing'
  const hash = hashes.get(checkpoint.seq)
  // Of before the first entry that is kept there is nothing to compare with.
  return hash === undefined || hash === checkpoint.hash ? null : 'rewritten'
}
