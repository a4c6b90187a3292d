/** The one door through which configuration changes: a change and its entry in the audit log are one batch of D1. */
import { getTableColumns } from 'drizzle-orm'
import type { Deps } from '../deps.ts'
import { type Problem, problem } from '../http/problems.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { Author, Entry } from './entry.ts'
import { BEGINNING, type Head, sealEntry } from './seal-entry.ts'
import { type AuditRow, auditLog } from './table.ts'
import { takeTurn } from './turns.ts'

/** Others of the same tenant may be faster; each time somebody got through. */
const TRIES_MAX = 50
const PAUSE_MS_MAX = 500

/** A statement for D1, ready or as drizzle has it. */
export type Statement = D1PreparedStatement | { toSQL(): { sql: string; params: unknown[] } }

/** What is done in one batch. */
export interface Change {
  /** What `decisive` depends on. */
  first?: readonly Statement[]
  /** The entry is written if this one changes something. */
  decisive: Statement
  rest?: readonly Statement[]
}

export interface DepsOfAudit extends Pick<Deps, 'settings' | 'now' | 'random' | 'author'> {
  env: Pick<Deps['env'], 'DB'>
}

/** What was read of a chain, at which everything that is decided after it is measured. */
export class Trail {
  private readonly deps: DepsOfAudit
  private readonly chain: string
  private readonly head: Head

  constructor(deps: DepsOfAudit, chain: string, head: Head) {
    this.deps = deps
    this.chain = chain
    this.head = head
  }

  /**
   * Makes a change together with its entry: both or neither. Fails, and is tried anew from the beginning, when
   * anything else of this chain was changed since it was read; so `before` of the entry is what really was before.
   * @returns whether `decisive` changed anything; if it did not, nothing is recorded
   */
  async commit(entry: Entry, { first = [], decisive, rest = [] }: Change): Promise<boolean> {
    const { DB } = this.deps.env
    const statements = [...first, decisive].map((statement) => prepare(DB, statement))
    const insertion = await this.insertion(entry, 'changes() > 0')
    const results = await DB.batch([...statements, insertion, ...rest.map((statement) => prepare(DB, statement))])
    return (results[statements.length]?.meta.changes ?? 0) > 0
  }

  /** Writes an entry about something that D1 does not hold: a sensitive read, or what an Endpoint is told to do. */
  async note(entry: Entry): Promise<void> {
    await (await this.insertion(entry, 'TRUE')).run()
  }

  private async insertion(entry: Entry, condition: string): Promise<D1PreparedStatement> {
    const { action, target, before = null, after = null } = entry
    const row = await sealEntry(this.deps.settings.keyring, {
      tenant_id: this.chain,
      seq: this.head.seq + 1,
      at: this.deps.now(),
      action,
      target,
      ...this.deps.author,
      before: before && JSON.stringify(before),
      after: after && JSON.stringify(after),
      prev_hash: this.head.hash,
    })
    const names = Object.keys(getTableColumns(auditLog)) as (keyof AuditRow)[]
    const columns = names.map((name) => `"${name}"`).join(', ')
    const values = names.map((_name, i) => `?${i + 1}`).join(', ')
    const sql = `INSERT INTO audit_log (${columns}) SELECT ${values} WHERE ${condition}`
    return this.deps.env.DB.prepare(sql).bind(...names.map((name) => row[name]))
  }
}

function prepare(db: D1Database, statement: Statement): D1PreparedStatement {
  if (!('toSQL' in statement)) return statement
  const { sql, params } = statement.toSQL()
  return db.prepare(sql).bind(...params)
}

/**
 * Reads, decides and changes, all over again while others of the same chain are faster.
 * @param chain a tenant's id, or `OPERATOR_CHAIN`
 * @param change undefined from it says that what it decided on has changed: it is asked again
 * @throws what D1 throws
 */
export async function audited<T>(
  deps: DepsOfAudit,
  chain: string,
  change: (trail: Trail) => Promise<Result<T, Problem> | undefined>,
): Promise<Result<T, Problem>> {
  seen.add(deps.author)
  const endTurn = await takeTurn(chain)
  try {
    return await tryAgain(deps, chain, change)
  } finally {
    endTurn()
  }
}

async function tryAgain<T>(
  deps: DepsOfAudit,
  chain: string,
  change: (trail: Trail) => Promise<Result<T, Problem> | undefined>,
): Promise<Result<T, Problem>> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    // Before all else: whatever is read later is at least as new.
    const head = await readHead(deps.env.DB, chain)
    try {
      const done = await change(new Trail(deps, chain, head))
      if (done !== undefined) return done
    } catch (error) {
      if (!isConflict(error)) throw error
    }
    await scheduler.wait(((deps.random(1)[0] ?? 0) / 256) * Math.min(PAUSE_MS_MAX, 5 * 2 ** tries))
  }
  return err(problem('changed_meanwhile', 'others keep changing the same: try again'))
}

/**
 * Records what changes nothing in D1, before it is done: better an entry about what then failed than nothing
 * about what was done.
 * @throws what D1 throws: then it must not be done
 */
export async function record(deps: DepsOfAudit, chain: string, entry: Entry): Promise<Result<void, Problem>> {
  return audited(deps, chain, async (trail) => {
    await trail.note(entry)
    return ok(undefined)
  })
}

async function readHead(db: D1Database, chain: string): Promise<Head> {
  const statement = 'SELECT seq, hash FROM audit_log WHERE tenant_id = ?1 ORDER BY seq DESC LIMIT 1'
  return (await db.prepare(statement).bind(chain).first<Head>()) ?? BEGINNING
}

function isConflict(error: unknown): boolean {
  return error instanceof Error && error.message.includes('UNIQUE constraint failed: audit_log.')
}

const seen = new WeakSet<Author>()

/** Whether anything that this request did went through {@link audited}. */
export function isAudited(author: Author): boolean {
  return seen.has(author)
}
